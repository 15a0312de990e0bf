ALTER TABLE waiting_statements DROP COLUMN said_at;
DROP INDEX statements_state;
DROP TABLE statement_objections;
