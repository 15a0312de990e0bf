-- Contracts whose term runs out are found in the order of its end, and what waits for a decision
-- without what was decided.
CREATE INDEX subscriptions_term ON subscriptions (side, state, ends_at, id);
CREATE INDEX subscriptions_waiting ON subscriptions (side, state, provider_uscc);
