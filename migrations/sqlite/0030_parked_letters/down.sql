DROP TABLE parked_letters;
