CREATE TABLE usage_events (
    gateway TEXT NOT NULL,
    seq BIGINT NOT NULL,
    subscription TEXT NOT NULL,
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    at BIGINT NOT NULL,
    day TEXT NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    units BIGINT NOT NULL,
    PRIMARY KEY (gateway, seq)
);
CREATE INDEX usage_events_subscription ON usage_events (subscription, at);
CREATE TABLE idempotent_answers (
    subscription TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash BYTEA NOT NULL,
    status BIGINT NOT NULL,
    answer BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subscription, idempotency_key)
);
CREATE INDEX idempotent_answers_at ON idempotent_answers (at);
CREATE TABLE usage_days (
    subscription TEXT NOT NULL,
    day TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls BIGINT NOT NULL,
    units BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    PRIMARY KEY (subscription, day, operation)
);
CREATE TABLE usage_months (
    subscription TEXT NOT NULL,
    period TEXT NOT NULL,
    calls BIGINT NOT NULL,
    units BIGINT NOT NULL,
    subjects BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    PRIMARY KEY (subscription, period)
);
CREATE INDEX usage_months_last_seq ON usage_months (last_seq);
CREATE TABLE usage_report_days (
    subscription TEXT NOT NULL,
    day TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls BIGINT NOT NULL,
    units BIGINT NOT NULL,
    PRIMARY KEY (subscription, day, operation)
);
CREATE TABLE usage_reports (
    subscription TEXT NOT NULL PRIMARY KEY,
    as_of BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE TABLE asked_subjects (
    subscription TEXT NOT NULL,
    period TEXT NOT NULL,
    subject_hash BYTEA NOT NULL,
    PRIMARY KEY (subscription, period, subject_hash)
);
CREATE TABLE datasets (
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    engine TEXT NOT NULL,
    definition TEXT NOT NULL,
    version BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    synthetic BOOLEAN NOT NULL,
    source_hash BYTEA NOT NULL,
    loaded_at BIGINT NOT NULL,
    PRIMARY KEY (product, operation)
);
CREATE TABLE dataset_rows (
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    version BIGINT NOT NULL,
    row_key TEXT NOT NULL,
    row_number BIGINT NOT NULL,
    cells TEXT NOT NULL,
    PRIMARY KEY (product, operation, version, row_key, row_number)
);
