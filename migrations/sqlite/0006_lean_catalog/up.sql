ALTER TABLE catalog_objects DROP COLUMN first_index;
DROP INDEX catalog_objects_parent;
CREATE INDEX catalog_objects_parent ON catalog_objects (parent, kind) WHERE parent <> '';
CREATE TABLE catalog_terms_lean (
    term TEXT NOT NULL,
    number TEXT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (term, number)
) STRICT, WITHOUT ROWID;
INSERT INTO catalog_terms_lean (term, number, weight) SELECT term, number, weight FROM catalog_terms;
DROP TABLE catalog_terms;
ALTER TABLE catalog_terms_lean RENAME TO catalog_terms;
CREATE INDEX catalog_terms_number ON catalog_terms (number);
