-- Each node that something waits for is looked at by itself.
CREATE INDEX outbox_target ON outbox (target, due_at, id);
