-- Letters that their receiver refused for good, until a person sends them again or gives them up.
CREATE TABLE parked_letters (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    parked_at INTEGER NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
-- Whether a letter of a node was tried in vain.
CREATE INDEX outbox_attempts ON outbox (target, attempts);
CREATE INDEX parked_letters_at ON parked_letters (parked_at, id);
