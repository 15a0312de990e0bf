ALTER TABLE usage_reports DROP COLUMN fallen;
DROP TABLE recalled_reports;
DROP TABLE recalled_usage;
