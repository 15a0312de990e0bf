DROP INDEX subscriptions_product;
CREATE INDEX subscriptions_product ON subscriptions (side, product);
DROP TABLE unfollowed_products;
