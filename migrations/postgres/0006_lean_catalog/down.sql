DROP INDEX catalog_objects_parent;
CREATE INDEX catalog_objects_parent ON catalog_objects (parent, kind);
ALTER TABLE catalog_objects ADD COLUMN first_index BIGINT NOT NULL DEFAULT 0;
