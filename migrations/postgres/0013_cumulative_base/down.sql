CREATE TABLE split_carries (
    agreement TEXT NOT NULL,
    tier BIGINT NOT NULL,
    currency TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    numerator TEXT NOT NULL,
    denominator TEXT NOT NULL,
    PRIMARY KEY (agreement, tier, currency, party_uscc)
);
DROP INDEX split_documents_agreement;
ALTER TABLE split_documents DROP COLUMN base_to_fen;
ALTER TABLE split_documents DROP COLUMN base_from_fen;
