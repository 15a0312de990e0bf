-- To which other nodes a party has its lines copied, and how far what there was is sent: the last line sent, in
-- the order of months and products; no order of arrival, for lines of late months come later.
CREATE TABLE line_recipients (
    party_uscc TEXT NOT NULL,
    node TEXT NOT NULL,
    named_at BIGINT NOT NULL,
    named_by TEXT NOT NULL,
    waits BOOLEAN NOT NULL,
    sent_period TEXT NOT NULL,
    sent_product TEXT NOT NULL,
    PRIMARY KEY (party_uscc, node)
);
-- What was sent to them, and their receipts.
CREATE TABLE sent_copies (
    party_uscc TEXT NOT NULL,
    node TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    document_hash BYTEA NOT NULL,
    sent_at BIGINT NOT NULL,
    countersigned BYTEA,
    PRIMARY KEY (party_uscc, node, period, product)
);
-- What other nodes say at the word of a party of theirs. Held apart from what this node was sent as a party's node.
CREATE TABLE received_copies (
    from_node TEXT NOT NULL,
    party_uscc TEXT NOT NULL,
    period TEXT NOT NULL,
    product TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    document_hash BYTEA NOT NULL,
    document TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (from_node, party_uscc, period, product)
);
CREATE INDEX received_copies_party ON received_copies (party_uscc, period);
