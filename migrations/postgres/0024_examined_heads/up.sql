-- What the entries beyond the newest checkpoint of a replica were pulled towards.
CREATE TABLE tails (
    origin TEXT NOT NULL PRIMARY KEY,
    note TEXT NOT NULL,
    proof BYTEA NOT NULL
);

-- Signed heads that somebody showed and that no entries held here reach yet.
CREATE TABLE kept_heads (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    root TEXT NOT NULL,
    note TEXT NOT NULL,
    submitted BOOLEAN NOT NULL,
    PRIMARY KEY (origin, size, root)
);
