-- Calls that were metered and forgotten, as the usage reports say that came back from the homes:
-- not events of this meter, but counts, each under the hash of the report it rests on.
CREATE TABLE recalled_usage (
    gateway TEXT NOT NULL,
    seq INTEGER NOT NULL,
    subscription TEXT NOT NULL,
    day TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls INTEGER NOT NULL,
    units INTEGER NOT NULL,
    report_hash BLOB NOT NULL,
    PRIMARY KEY (gateway, seq)
) STRICT;
CREATE INDEX recalled_usage_subscription ON recalled_usage (subscription, day);
CREATE TABLE recalled_reports (
    report_hash BLOB NOT NULL PRIMARY KEY,
    subscription TEXT NOT NULL,
    home_node TEXT NOT NULL,
    sealed BLOB NOT NULL,
    recalled_at INTEGER NOT NULL
) STRICT;
-- The report that counted more than the newest does.
ALTER TABLE usage_reports ADD COLUMN fallen BLOB;
