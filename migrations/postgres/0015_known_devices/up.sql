CREATE TABLE known_devices (
    id_hash BYTEA NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    seen_at BIGINT NOT NULL
);
CREATE INDEX known_devices_user ON known_devices (user_id, seen_at);
