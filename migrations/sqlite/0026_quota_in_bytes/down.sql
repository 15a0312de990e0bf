ALTER TABLE logs DROP COLUMN entry_bytes;
ALTER TABLE members RENAME COLUMN quota_bytes TO quota_entries;
