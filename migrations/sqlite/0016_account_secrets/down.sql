DROP INDEX api_tokens_user;
DROP TABLE token_roles;
DROP TABLE given_passwords;
