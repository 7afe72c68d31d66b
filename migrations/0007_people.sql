-- A second factor: the secret that its codes are made of, in base32, and the step of the last code that was taken: a
-- code is good once.
ALTER TABLE person ADD COLUMN factor TEXT;
ALTER TABLE person ADD COLUMN factor_step BIGINT NOT NULL DEFAULT 0;

-- Codes for those that have lost it, as digests. Each is good once.
CREATE TABLE recovery (
    person TEXT NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (person, digest)
);

-- What a token is good for, words with spaces between them; nothing: for all that its role may.
ALTER TABLE token ADD COLUMN scopes TEXT NOT NULL DEFAULT '';

CREATE INDEX session_person ON session (person, used DESC);

-- Each row of the audit has its number, and a digest over itself and the digest of the row before. Rows of before are
-- chained at the first start.
ALTER TABLE audit ADD COLUMN n BIGINT;
ALTER TABLE audit ADD COLUMN hash TEXT;
CREATE UNIQUE INDEX audit_n ON audit (n);
CREATE INDEX audit_person ON audit (person, n DESC);
CREATE INDEX audit_doing ON audit (doing, n DESC);
CREATE INDEX audit_subject ON audit (subject, n DESC);
CREATE INDEX audit_at ON audit (at, n DESC);
