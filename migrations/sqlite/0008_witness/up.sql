CREATE TABLE witnessed (
    origin TEXT NOT NULL PRIMARY KEY,
    origin_hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    seconds INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX witnessed_origin_hash ON witnessed (origin_hash);
CREATE TABLE settled (
    origin TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    settled_at INTEGER NOT NULL
) STRICT;
