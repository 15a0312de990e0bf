DROP INDEX outbox_target;
CREATE INDEX outbox_target ON outbox (target, due_at, id);
ALTER TABLE outbox DROP COLUMN urgent;
