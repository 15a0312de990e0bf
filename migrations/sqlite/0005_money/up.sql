CREATE TABLE periods (
    period TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    event_to INTEGER NOT NULL,
    ingest_to INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    closed_by TEXT NOT NULL,
    statement_count INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    total_fen INTEGER NOT NULL,
    result_hash BLOB NOT NULL,
    log_index INTEGER NOT NULL
) STRICT;
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
    total_fen INTEGER NOT NULL,
    state TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    statement_hash BLOB NOT NULL,
    document TEXT NOT NULL,
    sealed BLOB NOT NULL,
    countersigned BLOB,
    PRIMARY KEY (number, side)
) STRICT;
CREATE UNIQUE INDEX statements_subscription ON statements (side, period, subscription);
CREATE INDEX statements_buyer ON statements (side, buyer_uscc, period);
CREATE INDEX statements_provider ON statements (side, provider_uscc, period);
CREATE TABLE statement_lines (
    statement TEXT NOT NULL,
    side TEXT NOT NULL,
    line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    operation TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price_micro INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    explanation TEXT NOT NULL,
    PRIMARY KEY (statement, side, line)
) STRICT;
CREATE TABLE allocations (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    agreement TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    party_name TEXT NOT NULL,
    role TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    base_fen INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    explanation TEXT NOT NULL,
    PRIMARY KEY (side, period, product, party_uscc)
) STRICT;
CREATE INDEX allocations_party ON allocations (party_uscc, period);
CREATE TABLE split_documents (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    agreement TEXT NOT NULL,
    provider_node TEXT NOT NULL,
    base_fen INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    document_hash BLOB NOT NULL,
    document TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (side, period, product)
) STRICT;
CREATE TABLE split_receipts (
    side TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    node TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (side, period, product, node)
) STRICT;
CREATE TABLE split_carries (
    agreement TEXT NOT NULL,
    tier INTEGER NOT NULL,
    currency TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    numerator TEXT NOT NULL,
    denominator TEXT NOT NULL,
    PRIMARY KEY (agreement, tier, currency, party_uscc)
) STRICT;
CREATE TABLE ledger_accounts (
    account TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    debits_fen INTEGER NOT NULL,
    credits_fen INTEGER NOT NULL,
    opened_at INTEGER NOT NULL
) STRICT;
CREATE TABLE ledger_transfers (
    id TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE,
    period TEXT NOT NULL,
    at INTEGER NOT NULL,
    debit_account TEXT NOT NULL REFERENCES ledger_accounts (account),
    credit_account TEXT NOT NULL REFERENCES ledger_accounts (account),
    amount_fen INTEGER NOT NULL,
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    reference TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_transfers_reference ON ledger_transfers (reference);
CREATE INDEX ledger_transfers_debit ON ledger_transfers (debit_account, seq);
CREATE INDEX ledger_transfers_credit ON ledger_transfers (credit_account, seq);
CREATE INDEX ledger_transfers_period ON ledger_transfers (period, seq);
