ALTER TABLE split_documents ADD COLUMN base_from_fen BIGINT;
ALTER TABLE split_documents ADD COLUMN base_to_fen BIGINT;
CREATE INDEX split_documents_agreement ON split_documents (side, agreement, base_to_fen);
DROP TABLE split_carries;
