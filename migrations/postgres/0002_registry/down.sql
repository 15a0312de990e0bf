DROP TABLE quarantined_entries;
DROP TABLE catalog_terms;
DROP TABLE catalog_counts;
DROP TABLE catalog_products;
DROP TABLE catalog_objects;
DROP TABLE members;
DROP TABLE log_tiles;
DROP TABLE logs;
