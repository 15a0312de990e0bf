DROP TABLE member_pasts;
