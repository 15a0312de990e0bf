DROP INDEX statements_state;
DROP TABLE statement_objections;
