-- A product without a split that changed hands is divided for each operator.
ALTER TABLE split_documents DROP CONSTRAINT split_documents_pkey;
ALTER TABLE split_documents ADD PRIMARY KEY (side, period, product, agreement);
