DROP TABLE catalog_unshared;
DROP TABLE catalog_parties;
