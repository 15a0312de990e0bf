DROP TABLE ledger_transfers;
DROP TABLE ledger_accounts;
DROP TABLE split_carries;
DROP TABLE allocations;
DROP TABLE statement_lines;
DROP TABLE statements;
DROP TABLE periods;
