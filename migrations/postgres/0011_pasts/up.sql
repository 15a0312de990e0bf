CREATE TABLE member_pasts (
    node TEXT NOT NULL PRIMARY KEY,
    past TEXT NOT NULL
);
