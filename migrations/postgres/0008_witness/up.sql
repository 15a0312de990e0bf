CREATE TABLE witnessed (
    origin TEXT NOT NULL PRIMARY KEY,
    origin_hash TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    seconds BIGINT NOT NULL,
    note TEXT NOT NULL
);
CREATE UNIQUE INDEX witnessed_origin_hash ON witnessed (origin_hash);
CREATE TABLE settled (
    origin TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    settled_at BIGINT NOT NULL
);
