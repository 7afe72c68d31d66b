-- Whether the board shows the same key at each start: from a secret in it, or from a file.
ALTER TABLE board ADD COLUMN lasting BIGINT NOT NULL DEFAULT 0;
