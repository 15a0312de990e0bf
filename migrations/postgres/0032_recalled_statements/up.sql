-- Statements this node issued and forgot, as the enterprises' nodes hold them under its seal.
CREATE TABLE recalled_statements (
    number TEXT NOT NULL PRIMARY KEY,
    period TEXT NOT NULL,
    home_node TEXT NOT NULL,
    document TEXT NOT NULL,
    statement_hash BYTEA NOT NULL,
    recalled_at BIGINT NOT NULL
);
CREATE INDEX recalled_statements_period ON recalled_statements (period, number);
-- What one node stated to another, month by month.
CREATE INDEX statements_home_node ON statements (side, home_node, period, number);
CREATE INDEX statements_provider_node ON statements (side, provider_node, period, number);
