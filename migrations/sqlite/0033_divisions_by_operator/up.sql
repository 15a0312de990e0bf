-- A product without a split that changed hands is divided for each operator.
CREATE TABLE split_documents_next (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    agreement TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    base_fen INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    document_hash BLOB NOT NULL,
    document TEXT NOT NULL,
    sealed BLOB NOT NULL,
    base_from_fen INTEGER,
    base_to_fen INTEGER,
    made_in TEXT,
    PRIMARY KEY (side, period, product, agreement)
) STRICT;
INSERT INTO split_documents_next SELECT side, period, product, agreement, provider_node, base_fen, issued_at,
    document_hash, document, sealed, base_from_fen, base_to_fen, made_in FROM split_documents;
DROP TABLE split_documents;
ALTER TABLE split_documents_next RENAME TO split_documents;
CREATE INDEX split_documents_agreement ON split_documents (side, agreement, base_to_fen);
