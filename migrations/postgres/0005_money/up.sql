CREATE TABLE periods (
    period TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    event_to BIGINT NOT NULL,
    ingest_to BIGINT NOT NULL,
    closed_at BIGINT NOT NULL,
    closed_by TEXT NOT NULL,
    statement_count BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    total_fen BIGINT NOT NULL,
    result_hash BYTEA NOT NULL,
    log_index BIGINT NOT NULL
);
CREATE TABLE statements (
    number TEXT NOT NULL,
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    subscription TEXT NOT NULL,
    product TEXT NOT NULL,
    plan TEXT NOT NULL,
    home_node TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    buyer_uscc TEXT NOT NULL,
    buyer_name TEXT NOT NULL,
    provider_uscc TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_fen BIGINT NOT NULL,
    state TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    statement_hash BYTEA NOT NULL,
    document TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    countersigned BYTEA,
    PRIMARY KEY (number, side)
);
CREATE UNIQUE INDEX statements_subscription ON statements (side, period, subscription);
CREATE INDEX statements_buyer ON statements (side, buyer_uscc, period);
CREATE INDEX statements_provider ON statements (side, provider_uscc, period);
CREATE TABLE statement_lines (
    statement TEXT NOT NULL,
    side TEXT NOT NULL,
    line BIGINT NOT NULL,
    kind TEXT NOT NULL,
    operation TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    price_micro BIGINT NOT NULL,
    amount_fen BIGINT NOT NULL,
    explanation TEXT NOT NULL,
    PRIMARY KEY (statement, side, line)
);
CREATE TABLE allocations (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    agreement TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    party_name TEXT NOT NULL,
    role TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    base_fen BIGINT NOT NULL,
    amount_fen BIGINT NOT NULL,
    explanation TEXT NOT NULL,
    PRIMARY KEY (side, period, product, party_uscc)
);
CREATE INDEX allocations_party ON allocations (party_uscc, period);
CREATE TABLE split_documents (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    agreement TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    base_fen BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    document_hash BYTEA NOT NULL,
    document TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (side, period, product)
);
CREATE TABLE split_receipts (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    node TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (side, period, product, node)
);
CREATE TABLE split_carries (
    agreement TEXT NOT NULL,
    tier BIGINT NOT NULL,
    currency TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    numerator TEXT NOT NULL,
    denominator TEXT NOT NULL,
    PRIMARY KEY (agreement, tier, currency, party_uscc)
);
CREATE TABLE ledger_accounts (
    account TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    debits_fen BIGINT NOT NULL,
    credits_fen BIGINT NOT NULL,
    opened_at BIGINT NOT NULL
);
CREATE TABLE ledger_transfers (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    period TEXT NOT NULL,
    at BIGINT NOT NULL,
    debit_account TEXT NOT NULL REFERENCES ledger_accounts (account),
    credit_account TEXT NOT NULL REFERENCES ledger_accounts (account),
    amount_fen BIGINT NOT NULL,
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    reference TEXT NOT NULL
);
CREATE INDEX ledger_transfers_reference ON ledger_transfers (reference);
CREATE INDEX ledger_transfers_debit ON ledger_transfers (debit_account, seq);
CREATE INDEX ledger_transfers_credit ON ledger_transfers (credit_account, seq);
CREATE INDEX ledger_transfers_period ON ledger_transfers (period, seq);
