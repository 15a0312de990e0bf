CREATE TABLE usage_events (
    gateway TEXT NOT NULL,
    seq INTEGER NOT NULL,
    subscription TEXT NOT NULL,
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    at INTEGER NOT NULL,
    day TEXT NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (gateway, seq)
) STRICT;
CREATE INDEX usage_events_subscription ON usage_events (subscription, at);
CREATE TABLE idempotent_answers (
    subscription TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    answer BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (subscription, idempotency_key)
) STRICT;
CREATE INDEX idempotent_answers_at ON idempotent_answers (at);
CREATE TABLE usage_days (
    subscription TEXT NOT NULL,
    day TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls INTEGER NOT NULL,
    units INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (subscription, day, operation)
) STRICT;
CREATE TABLE usage_months (
    subscription TEXT NOT NULL,
    period TEXT NOT NULL,
    calls INTEGER NOT NULL,
    units INTEGER NOT NULL,
    subjects INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (subscription, period)
) STRICT;
CREATE INDEX usage_months_last_seq ON usage_months (last_seq);
CREATE TABLE usage_report_days (
    subscription TEXT NOT NULL,
    day TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls INTEGER NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (subscription, day, operation)
) STRICT;
CREATE TABLE usage_reports (
    subscription TEXT NOT NULL PRIMARY KEY,
    as_of INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE TABLE asked_subjects (
    subscription TEXT NOT NULL,
    period TEXT NOT NULL,
    subject_hash BLOB NOT NULL,
    PRIMARY KEY (subscription, period, subject_hash)
) STRICT;
CREATE TABLE datasets (
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    engine TEXT NOT NULL,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    synthetic INTEGER NOT NULL,
    source_hash BLOB NOT NULL,
    loaded_at INTEGER NOT NULL,
    PRIMARY KEY (product, operation)
) STRICT;
CREATE TABLE dataset_rows (
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    version INTEGER NOT NULL,
    row_key TEXT NOT NULL,
    row_number INTEGER NOT NULL,
    cells TEXT NOT NULL,
    PRIMARY KEY (product, operation, version, row_key, row_number)
) STRICT;
