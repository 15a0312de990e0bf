ALTER TABLE datasets ADD COLUMN smallest_cell BIGINT NOT NULL DEFAULT 0;
CREATE TABLE withheld_rows (
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    version BIGINT NOT NULL,
    row_key TEXT NOT NULL,
    row_number BIGINT NOT NULL,
    PRIMARY KEY (product, operation, version, row_key, row_number)
);
