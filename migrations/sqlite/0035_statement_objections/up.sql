-- What home nodes said against the statements of this node, the last word about each.
CREATE TABLE statement_objections (
    number TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    sealed BLOB NOT NULL,
    sealed_at INTEGER NOT NULL
) STRICT;

-- What finance asks for by its state is found without what is settled.
CREATE INDEX statements_state ON statements (side, state, period, number);

-- When this node said last what it has against a statement that waits here; 0 for never.
ALTER TABLE waiting_statements ADD COLUMN said_at INTEGER NOT NULL DEFAULT 0;
