CREATE TABLE parked (
    parked_in TEXT NOT NULL,
    period TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    billed_to BIGINT,
    base_fen BIGINT NOT NULL,
    by_operator TEXT NOT NULL,
    resolved_in TEXT NOT NULL,
    PRIMARY KEY (parked_in, period, kind, subject)
);
CREATE INDEX parked_resolved ON parked (resolved_in, kind, period);
ALTER TABLE split_documents ADD COLUMN made_in TEXT;
