DROP INDEX outbox_attempts;
DROP TABLE parked_letters;
