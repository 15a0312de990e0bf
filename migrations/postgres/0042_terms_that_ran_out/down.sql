DROP INDEX subscriptions_waiting;
DROP INDEX subscriptions_term;
