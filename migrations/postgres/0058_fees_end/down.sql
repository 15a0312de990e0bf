ALTER TABLE subscriptions DROP COLUMN fees_end_at;
