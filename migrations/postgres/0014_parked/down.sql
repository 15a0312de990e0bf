ALTER TABLE split_documents DROP COLUMN made_in;
DROP TABLE parked;
