DROP TABLE kept_heads;
DROP TABLE tails;
