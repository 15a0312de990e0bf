CREATE TABLE logs (
    origin TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    generation INTEGER NOT NULL,
    own INTEGER NOT NULL,
    log_key TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    checkpoint_size INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    checkpoint_at INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL,
    folded_size INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX logs_node ON logs (node, generation);
CREATE TABLE log_tiles (
    origin TEXT NOT NULL REFERENCES logs (origin),
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    width INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (origin, level, number)
) STRICT;
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
    quota_entries INTEGER NOT NULL,
    status TEXT NOT NULL,
    changes TEXT NOT NULL,
    admitted_by TEXT NOT NULL,
    admitted_index INTEGER NOT NULL
) STRICT;
CREATE TABLE catalog_objects (
    object_key TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT NOT NULL,
    origin TEXT NOT NULL,
    first_index INTEGER NOT NULL,
    last_index INTEGER NOT NULL,
    state TEXT NOT NULL,
    state_hash BLOB NOT NULL
) STRICT;
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
    price_from_micro INTEGER,
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
    usable_until INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    synthetic INTEGER NOT NULL,
    origin_index INTEGER NOT NULL
) STRICT;
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
    listings INTEGER NOT NULL,
    PRIMARY KEY (form, sector, division, node, field, charge, status)
) STRICT;
CREATE TABLE catalog_terms (
    term TEXT NOT NULL,
    number TEXT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (term, number)
) STRICT;
CREATE INDEX catalog_terms_number ON catalog_terms (number);
CREATE TABLE quarantined_entries (
    origin TEXT NOT NULL,
    entry_index INTEGER NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (origin, entry_index)
) STRICT;
