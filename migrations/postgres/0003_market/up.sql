CREATE TABLE subscriptions (
    id TEXT NOT NULL,
    side TEXT NOT NULL,
    home_node TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    product TEXT NOT NULL,
    plan TEXT NOT NULL,
    purpose TEXT NOT NULL,
    purpose_note TEXT NOT NULL,
    buyer_uscc TEXT NOT NULL,
    buyer_name TEXT NOT NULL,
    provider_uscc TEXT NOT NULL,
    state TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    reason_text TEXT NOT NULL,
    ended_by TEXT NOT NULL,
    negotiation TEXT NOT NULL,
    agreement TEXT NOT NULL,
    agreement_hash BYTEA NOT NULL,
    requested_at BIGINT NOT NULL,
    starts_at BIGINT,
    ends_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    sent_seq BIGINT NOT NULL,
    received_seq BIGINT NOT NULL,
    PRIMARY KEY (id, side)
);
CREATE INDEX subscriptions_buyer ON subscriptions (side, buyer_uscc, requested_at);
CREATE INDEX subscriptions_provider ON subscriptions (side, provider_uscc, requested_at);
CREATE INDEX subscriptions_product ON subscriptions (side, product);
CREATE TABLE sealed_messages (
    id TEXT NOT NULL PRIMARY KEY,
    process TEXT NOT NULL,
    side TEXT NOT NULL,
    direction TEXT NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    bytes BYTEA NOT NULL,
    at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sealed_messages_process ON sealed_messages (process, side, direction, seq);
CREATE TABLE access_keys (
    id TEXT NOT NULL,
    side TEXT NOT NULL,
    subscription TEXT NOT NULL,
    label TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (id, side)
);
CREATE UNIQUE INDEX access_keys_hash ON access_keys (side, key_hash);
CREATE INDEX access_keys_subscription ON access_keys (subscription, side);
