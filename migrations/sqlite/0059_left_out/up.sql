-- What another node told after a restore and this one did not take: kept for a person to see.
CREATE TABLE left_out (
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    code TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (node, kind, object)
);
