DROP TABLE received_copies;
DROP TABLE sent_copies;
DROP TABLE line_recipients;
