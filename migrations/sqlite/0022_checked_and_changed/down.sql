DROP TABLE catalog_changes;
UPDATE statements SET state = 'confirmed' WHERE state = 'checked';
