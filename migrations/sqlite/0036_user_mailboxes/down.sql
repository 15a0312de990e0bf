DROP TABLE user_mailboxes;
