-- Quotas count bytes: what a log costs its peers is not the number of its entries.
ALTER TABLE members RENAME COLUMN quota_entries TO quota_bytes;
UPDATE members SET quota_bytes = 268435456;
ALTER TABLE logs ADD COLUMN entry_bytes INTEGER NOT NULL DEFAULT 0;
-- Bundles have two bytes for each length; as a small entry counts 128, this is the most it may be.
UPDATE logs SET entry_bytes = (
    SELECT COALESCE(SUM(LENGTH(bytes) + 126 * width), 0)
    FROM log_tiles WHERE log_tiles.origin = logs.origin AND log_tiles.level = -1
);
