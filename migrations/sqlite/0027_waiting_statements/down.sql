DROP TABLE waiting_statements;
