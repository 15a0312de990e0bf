CREATE TABLE forks (
    origin TEXT NOT NULL,
    log_key TEXT NOT NULL,
    evidence TEXT NOT NULL,
    told_by TEXT NOT NULL,
    told_index BIGINT NOT NULL,
    known_at BIGINT NOT NULL,
    PRIMARY KEY (origin, log_key)
);
