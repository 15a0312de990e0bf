-- A close that is under way.
CREATE TABLE closings (
    period TEXT NOT NULL PRIMARY KEY,
    attempt TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    begun_by TEXT NOT NULL,
    ingest_to BIGINT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL
);
-- Each subscription as a close rated it, JSON; empty where it was closed before this was kept.
CREATE TABLE close_subjects (
    period TEXT NOT NULL,
    subscription TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (period, subscription)
);
INSERT INTO close_subjects (period, subscription, subject)
    SELECT period, subscription, '' FROM statements WHERE side = 'provider';
-- The latest close rated all others too and found nothing to state.
INSERT INTO close_subjects (period, subscription, subject)
    SELECT p.period, s.id, '' FROM periods p, subscriptions s
    WHERE p.period = (SELECT MAX(period) FROM periods) AND s.side = 'provider'
        AND s.state IN ('finalized', 'ended') AND s.starts_at < p.event_to
        AND NOT EXISTS (SELECT 1 FROM close_subjects c
            WHERE c.period = p.period AND c.subscription = s.id);
-- Documents of a close, until they stand in the books.
CREATE TABLE close_drafts (
    period TEXT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    document TEXT NOT NULL,
    document_hash BYTEA NOT NULL,
    PRIMARY KEY (period, position)
);
