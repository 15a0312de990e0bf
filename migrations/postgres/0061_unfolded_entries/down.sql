DROP TABLE log_folds;
CREATE TABLE quarantined_entries (
    origin TEXT NOT NULL,
    entry_index BIGINT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (origin, entry_index)
);
INSERT INTO quarantined_entries SELECT origin, entry_index, kind, code, reason FROM unfolded_entries;
DROP TABLE unfolded_entries;
