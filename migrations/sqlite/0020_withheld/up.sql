ALTER TABLE datasets ADD COLUMN smallest_cell INTEGER NOT NULL DEFAULT 0;
CREATE TABLE withheld_rows (
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    version INTEGER NOT NULL,
    row_key TEXT NOT NULL,
    row_number INTEGER NOT NULL,
    PRIMARY KEY (product, operation, version, row_key, row_number)
) STRICT;
