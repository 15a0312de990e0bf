CREATE TABLE member_entries (
    origin TEXT NOT NULL,
    entry_index BIGINT NOT NULL,
    node TEXT NOT NULL,
    PRIMARY KEY (origin, entry_index)
);
CREATE INDEX member_entries_node ON member_entries (node);
CREATE TABLE announced_heads (
    origin TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL
);
CREATE TABLE peer_versions (
    node TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL
);
