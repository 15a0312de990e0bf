-- Since when the receiver has been answering that it may take the letter later.
ALTER TABLE outbox ADD COLUMN put_off_since INTEGER;
