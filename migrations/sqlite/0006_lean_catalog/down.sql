CREATE TABLE catalog_terms_wide (
    term TEXT NOT NULL,
    number TEXT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (term, number)
) STRICT;
INSERT INTO catalog_terms_wide (term, number, weight) SELECT term, number, weight FROM catalog_terms;
DROP TABLE catalog_terms;
ALTER TABLE catalog_terms_wide RENAME TO catalog_terms;
CREATE INDEX catalog_terms_number ON catalog_terms (number);
DROP INDEX catalog_objects_parent;
CREATE INDEX catalog_objects_parent ON catalog_objects (parent, kind);
ALTER TABLE catalog_objects ADD COLUMN first_index INTEGER NOT NULL DEFAULT 0;
