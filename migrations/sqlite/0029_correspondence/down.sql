DROP TABLE unlike_copies;
DROP INDEX subscriptions_provider_node;
DROP INDEX subscriptions_home_node;
DROP INDEX sealed_messages_place;
ALTER TABLE sealed_messages DROP COLUMN place;
