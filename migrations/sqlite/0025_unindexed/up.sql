-- Products whose words are not those of their row yet: searched by the old ones until they are.
CREATE TABLE catalog_unindexed (
    number TEXT NOT NULL PRIMARY KEY
) STRICT;
