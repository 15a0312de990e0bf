ALTER TABLE outbox DROP COLUMN put_off_since;
