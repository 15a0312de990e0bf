CREATE TABLE given_passwords (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),
    given_at BIGINT NOT NULL
);
CREATE TABLE token_roles (
    token_id TEXT NOT NULL REFERENCES api_tokens (id),
    role TEXT NOT NULL,
    PRIMARY KEY (token_id, role)
);
INSERT INTO token_roles (token_id, role)
    SELECT api_tokens.id, user_roles.role
    FROM api_tokens JOIN user_roles ON user_roles.user_id = api_tokens.user_id;
CREATE INDEX api_tokens_user ON api_tokens (user_id, created_at);
