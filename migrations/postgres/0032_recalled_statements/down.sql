DROP INDEX statements_provider_node;
DROP INDEX statements_home_node;
DROP TABLE recalled_statements;
