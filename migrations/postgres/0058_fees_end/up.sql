-- From when an ending counts for monthly fees here: what the other side ended counts from its receipt.
ALTER TABLE subscriptions ADD COLUMN fees_end_at BIGINT;
