DROP INDEX outbox_target;
