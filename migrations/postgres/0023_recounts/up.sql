ALTER TABLE usage_reports ADD COLUMN recounted_at BIGINT;
ALTER TABLE usage_reports ADD COLUMN recounted_before BIGINT;
ALTER TABLE usage_reports ADD COLUMN recounted_now BIGINT;
