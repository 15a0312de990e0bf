ALTER TABLE forks DROP COLUMN told_here;
