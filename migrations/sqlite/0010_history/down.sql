DROP TABLE peer_versions;
DROP TABLE announced_heads;
DROP TABLE member_entries;
