CREATE TABLE logs (
    origin TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    generation BIGINT NOT NULL,
    own BOOLEAN NOT NULL,
    log_key TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    checkpoint_size BIGINT NOT NULL,
    checkpoint TEXT NOT NULL,
    checkpoint_at BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    folded_size BIGINT NOT NULL
);
CREATE UNIQUE INDEX logs_node ON logs (node, generation);
CREATE TABLE log_tiles (
    origin TEXT NOT NULL REFERENCES logs (origin),
    level BIGINT NOT NULL,
    number BIGINT NOT NULL,
    width BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (origin, level, number)
);
CREATE TABLE members (
    node TEXT NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    division TEXT NOT NULL,
    level TEXT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    identity_key TEXT NOT NULL,
    log_key TEXT NOT NULL,
    witness_key TEXT NOT NULL,
    seal_key TEXT NOT NULL,
    addresses TEXT NOT NULL,
    public_url TEXT NOT NULL,
    quota_entries BIGINT NOT NULL,
    status TEXT NOT NULL,
    changes TEXT NOT NULL,
    admitted_by TEXT NOT NULL,
    admitted_index BIGINT NOT NULL
);
CREATE TABLE catalog_objects (
    object_key TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT NOT NULL,
    origin TEXT NOT NULL,
    first_index BIGINT NOT NULL,
    last_index BIGINT NOT NULL,
    state TEXT NOT NULL,
    state_hash BYTEA NOT NULL
);
CREATE INDEX catalog_objects_origin ON catalog_objects (origin, kind);
CREATE INDEX catalog_objects_name ON catalog_objects (name, kind);
CREATE INDEX catalog_objects_parent ON catalog_objects (parent, kind);
CREATE TABLE catalog_products (
    number TEXT NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    node TEXT NOT NULL,
    division TEXT NOT NULL,
    authorization_number TEXT NOT NULL,
    form TEXT NOT NULL,
    sector TEXT NOT NULL,
    field TEXT NOT NULL,
    grade TEXT NOT NULL,
    purpose TEXT NOT NULL,
    charge TEXT NOT NULL,
    price_from_micro BIGINT,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    summary_zh TEXT NOT NULL,
    summary_en TEXT NOT NULL,
    operator_uscc TEXT NOT NULL,
    operator_name_zh TEXT NOT NULL,
    operator_name_en TEXT NOT NULL,
    status TEXT NOT NULL,
    status_code TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    usable_until BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    synthetic BOOLEAN NOT NULL,
    origin_index BIGINT NOT NULL
);
CREATE INDEX catalog_products_newest ON catalog_products (registered_at, number);
CREATE INDEX catalog_products_authorization ON catalog_products (authorization_number);
CREATE INDEX catalog_products_operator ON catalog_products (operator_uscc);
CREATE INDEX catalog_products_node ON catalog_products (node, number);
CREATE INDEX catalog_products_until ON catalog_products (usable_until);
CREATE TABLE catalog_counts (
    form TEXT NOT NULL,
    sector TEXT NOT NULL,
    division TEXT NOT NULL,
    node TEXT NOT NULL,
    field TEXT NOT NULL,
    charge TEXT NOT NULL,
    status TEXT NOT NULL,
    listings BIGINT NOT NULL,
    PRIMARY KEY (form, sector, division, node, field, charge, status)
);
CREATE TABLE catalog_terms (
    term TEXT NOT NULL,
    number TEXT NOT NULL,
    weight BIGINT NOT NULL,
    PRIMARY KEY (term, number)
);
CREATE INDEX catalog_terms_number ON catalog_terms (number);
CREATE TABLE quarantined_entries (
    origin TEXT NOT NULL,
    entry_index BIGINT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (origin, entry_index)
);
