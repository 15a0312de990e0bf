CREATE TABLE buyer_months (
    buyer TEXT NOT NULL,
    product TEXT NOT NULL,
    period TEXT NOT NULL,
    calls BIGINT NOT NULL,
    included BIGINT NOT NULL,
    subjects BIGINT NOT NULL,
    mismatches BIGINT NOT NULL,
    PRIMARY KEY (buyer, product, period)
);
UPDATE usage_events SET units = 0 WHERE (gateway, seq) IN (
    SELECT gateway, seq FROM (
        SELECT e.gateway, e.seq,
            ROW_NUMBER() OVER (
                PARTITION BY s.buyer_uscc, s.product, SUBSTR(e.day, 1, 7) ORDER BY e.at, e.seq
            ) AS place,
            COALESCE((s.agreement::json #>> '{terms,plan,charge,included_calls}')::bigint, 0) AS included
        FROM usage_events e JOIN subscriptions s ON s.id = e.subscription AND s.side = 'provider'
        WHERE s.agreement <> '' AND SUBSTR(e.day, 1, 7) NOT IN (SELECT period FROM periods)
    ) AS placed WHERE place <= included
);
UPDATE usage_days SET units = (
    SELECT COALESCE(SUM(units), 0)::bigint FROM usage_events e
    WHERE e.subscription = usage_days.subscription AND e.day = usage_days.day
        AND e.operation = usage_days.operation
) WHERE SUBSTR(day, 1, 7) NOT IN (SELECT period FROM periods);
UPDATE usage_months SET units = (
    SELECT COALESCE(SUM(units), 0)::bigint FROM usage_days d
    WHERE d.subscription = usage_months.subscription
        AND SUBSTR(d.day, 1, 7) = usage_months.period
) WHERE period NOT IN (SELECT period FROM periods);
INSERT INTO buyer_months (buyer, product, period, calls, included, subjects, mismatches)
    SELECT s.buyer_uscc, s.product, m.period, SUM(m.calls), SUM(m.calls) - SUM(m.units),
        SUM(m.subjects), 0
    FROM usage_months m JOIN subscriptions s ON s.id = m.subscription AND s.side = 'provider'
    GROUP BY s.buyer_uscc, s.product, m.period;
ALTER TABLE usage_months DROP COLUMN subjects;
DROP TABLE asked_subjects;
CREATE TABLE asked_subjects (
    period TEXT NOT NULL,
    buyer TEXT NOT NULL,
    product TEXT NOT NULL,
    subject_hash BYTEA NOT NULL,
    mismatches BIGINT NOT NULL,
    PRIMARY KEY (period, buyer, product, subject_hash)
);
CREATE TABLE subject_secrets (
    period TEXT NOT NULL PRIMARY KEY,
    secret BYTEA NOT NULL
);
