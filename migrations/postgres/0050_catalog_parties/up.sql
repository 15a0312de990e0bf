-- In which products' splits a party is named, in any version: found by the party.
CREATE TABLE catalog_parties (
    party_uscc TEXT NOT NULL,
    product TEXT NOT NULL,
    PRIMARY KEY (party_uscc, product)
);
CREATE INDEX catalog_parties_product ON catalog_parties (product);
-- Products whose parties are not listed yet. After this update, all that have a split.
CREATE TABLE catalog_unshared (
    product TEXT NOT NULL PRIMARY KEY
);
INSERT INTO catalog_unshared (product)
    SELECT DISTINCT parent FROM catalog_objects WHERE kind = 'split' AND parent <> '';
