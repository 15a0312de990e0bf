DROP TABLE settled;
DROP TABLE witnessed;
