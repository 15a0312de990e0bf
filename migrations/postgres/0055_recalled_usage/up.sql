-- Calls that were metered and forgotten, as the usage reports say that came back from the homes:
-- not events of this meter, but counts, each under the hash of the report it rests on.
CREATE TABLE recalled_usage (
    gateway TEXT NOT NULL,
    seq BIGINT NOT NULL,
    subscription TEXT NOT NULL,
    day TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls BIGINT NOT NULL,
    units BIGINT NOT NULL,
    report_hash BYTEA NOT NULL,
    PRIMARY KEY (gateway, seq)
);
CREATE INDEX recalled_usage_subscription ON recalled_usage (subscription, day);
CREATE TABLE recalled_reports (
    report_hash BYTEA NOT NULL PRIMARY KEY,
    subscription TEXT NOT NULL,
    home_node TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    recalled_at BIGINT NOT NULL
);
-- The report that counted more than the newest does.
ALTER TABLE usage_reports ADD COLUMN fallen BYTEA;
