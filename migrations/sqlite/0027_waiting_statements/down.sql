DROP INDEX statements_of_subscription;
DROP TABLE waiting_statements;
