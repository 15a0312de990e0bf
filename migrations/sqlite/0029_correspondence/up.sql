-- In which order a copy changed: what the other side is told when it was restored.
ALTER TABLE sealed_messages ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE sealed_messages SET place = ordered.place
FROM (
    SELECT id, row_number() OVER (
        PARTITION BY process, side ORDER BY reached, direction, seq
    ) AS place
    FROM (
        -- A clock that was set back does not turn the messages of one side round.
        SELECT id, process, side, direction, seq,
            max(at) OVER (PARTITION BY process, side, direction ORDER BY seq) AS reached
        FROM sealed_messages
    ) AS timed
) AS ordered
WHERE ordered.id = sealed_messages.id;
CREATE INDEX sealed_messages_place ON sealed_messages (process, side, place);
-- The processes with one node, in order.
CREATE INDEX subscriptions_home_node ON subscriptions (home_node, id);
CREATE INDEX subscriptions_provider_node ON subscriptions (provider_node, id);
-- Copies that differ from the other side's, with what differs: a person has to see them.
CREATE TABLE unlike_copies (
    process TEXT NOT NULL,
    side TEXT NOT NULL,
    node TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (process, side)
) STRICT;
