CREATE TABLE member_entries (
    origin TEXT NOT NULL,
    entry_index INTEGER NOT NULL,
    node TEXT NOT NULL,
    PRIMARY KEY (origin, entry_index)
) STRICT;
CREATE INDEX member_entries_node ON member_entries (node);
CREATE TABLE announced_heads (
    origin TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL
) STRICT;
CREATE TABLE peer_versions (
    node TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL
) STRICT;
