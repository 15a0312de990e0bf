-- What is swept is found without what stays.
CREATE INDEX api_tokens_expires ON api_tokens (expires_at);
CREATE INDEX api_tokens_revoked ON api_tokens (revoked_at);
CREATE INDEX sessions_created ON sessions (created_at);
CREATE INDEX sessions_seen ON sessions (seen_at);
CREATE INDEX known_devices_seen ON known_devices (seen_at);
CREATE INDEX login_throttles_retry ON login_throttles (retry_at);
-- A month is read without the others.
CREATE INDEX usage_months_period ON usage_months (period, subscription);
CREATE INDEX split_documents_made_in ON split_documents (side, made_in, period, product, agreement)
    WHERE made_in IS NOT NULL;
CREATE INDEX split_documents_product ON split_documents (product, period);
CREATE INDEX parked_subject ON parked (subject, kind, period);
CREATE INDEX waiting_statements_node ON waiting_statements (provider_node, period);
