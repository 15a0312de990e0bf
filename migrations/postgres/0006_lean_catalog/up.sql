ALTER TABLE catalog_objects DROP COLUMN first_index;
DROP INDEX catalog_objects_parent;
CREATE INDEX catalog_objects_parent ON catalog_objects (parent, kind) WHERE parent <> '';
