ALTER TABLE usage_reports DROP COLUMN recounted_at;
ALTER TABLE usage_reports DROP COLUMN recounted_before;
ALTER TABLE usage_reports DROP COLUMN recounted_now;
