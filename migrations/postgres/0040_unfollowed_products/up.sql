-- Products whose contracts in force are to be held against the catalog. After this update, all.
CREATE TABLE unfollowed_products (
    product TEXT NOT NULL PRIMARY KEY
);
INSERT INTO unfollowed_products (product)
    SELECT DISTINCT product FROM subscriptions WHERE side = 'provider' AND state = 'finalized';
-- Those of a product that end after a day are found without the others.
DROP INDEX subscriptions_product;
CREATE INDEX subscriptions_product ON subscriptions (side, product, state, ends_at);
