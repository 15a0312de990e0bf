-- Where people want to hear of what was decided.
CREATE TABLE user_mailboxes (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),
    address TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT;
