DROP TABLE subject_secrets;
DROP TABLE asked_subjects;
CREATE TABLE asked_subjects (
    subscription TEXT NOT NULL,
    period TEXT NOT NULL,
    subject_hash BLOB NOT NULL,
    PRIMARY KEY (subscription, period, subject_hash)
) STRICT;
ALTER TABLE usage_months ADD COLUMN subjects INTEGER NOT NULL DEFAULT 0;
UPDATE usage_months SET units = calls;
UPDATE usage_days SET units = calls;
UPDATE usage_events SET units = 1;
DROP TABLE buyer_months;
