-- Publishing files that registered something, so that none is published twice.
CREATE TABLE published_files (
    file_hash TEXT NOT NULL,
    published_by TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    published TEXT NOT NULL,
    PRIMARY KEY (file_hash, published_by)
);
