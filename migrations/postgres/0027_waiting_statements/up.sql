-- Statements that differ from what the home node derives, with the difference: they wait for a
-- person, or for what is still on its way.
CREATE TABLE waiting_statements (
    number TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    subscription TEXT NOT NULL,
    period TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    document TEXT NOT NULL,
    statement_hash BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    sealed_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    difference TEXT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    note TEXT
);
CREATE INDEX waiting_statements_subscription ON waiting_statements (subscription, state);
CREATE INDEX waiting_statements_state ON waiting_statements (state, received_at);
-- A statement is compared with all that were taken of its subscription before.
CREATE INDEX statements_of_subscription ON statements (subscription, side);
