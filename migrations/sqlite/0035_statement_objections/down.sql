DROP TABLE statement_objections;
