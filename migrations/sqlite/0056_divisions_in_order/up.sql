-- What was divided is told in the order in which it was.
CREATE INDEX split_documents_issued ON split_documents (side, issued_at, period, product, agreement);
