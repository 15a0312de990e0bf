-- Entries that are in their log and not in the tables: quarantined ones, and those that await a newer program.
CREATE TABLE unfolded_entries (
    awaiting INTEGER NOT NULL,
    origin TEXT NOT NULL,
    entry_index INTEGER NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (awaiting, origin, entry_index)
) STRICT;
INSERT INTO unfolded_entries SELECT 0, origin, entry_index, kind, code, reason FROM quarantined_entries;
DROP TABLE quarantined_entries;
-- Which version of the fold made the tables of each log.
CREATE TABLE log_folds (
    origin TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT;
INSERT INTO log_folds SELECT origin, 1 FROM logs WHERE size > 0;
