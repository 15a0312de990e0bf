ALTER TABLE usage_reports ADD COLUMN recounted_at INTEGER;
ALTER TABLE usage_reports ADD COLUMN recounted_before INTEGER;
ALTER TABLE usage_reports ADD COLUMN recounted_now INTEGER;
