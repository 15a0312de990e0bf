DROP TABLE sessions;
CREATE TABLE sessions (
    id_hash BYTEA NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    csrf_secret BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
DROP TABLE recovery_codes;
DROP TABLE second_factors;
