CREATE TABLE audit_addresses (
    mark TEXT NOT NULL PRIMARY KEY,
    period TEXT NOT NULL,
    address TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_addresses_of_a_period ON audit_addresses (period, address);
