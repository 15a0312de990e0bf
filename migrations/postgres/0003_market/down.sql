DROP TABLE access_keys;
DROP TABLE sealed_messages;
DROP TABLE subscriptions;
