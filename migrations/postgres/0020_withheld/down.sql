DROP TABLE withheld_rows;
ALTER TABLE datasets DROP COLUMN smallest_cell;
