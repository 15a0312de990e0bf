-- Endings and keys that were taken back go before everything else, also once they were tried.
ALTER TABLE outbox ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE;
-- Which of the messages that wait is one of them, nothing says any more.
UPDATE outbox SET urgent = TRUE WHERE kind = 'market.message';
DROP INDEX outbox_target;
CREATE INDEX outbox_target ON outbox (target, urgent DESC, due_at, id);
