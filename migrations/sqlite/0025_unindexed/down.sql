DROP TABLE catalog_unindexed;
