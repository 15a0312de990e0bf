UPDATE statements SET state = 'checked' WHERE state = 'confirmed';

CREATE TABLE catalog_changes (
    number TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);
CREATE UNIQUE INDEX catalog_changes_order ON catalog_changes (seq);
INSERT INTO catalog_changes (number, seq)
    SELECT number, ROW_NUMBER() OVER (ORDER BY registered_at, number) FROM catalog_products;
