-- Sessions of browsers beside those of programs, each with where it began, so that its user knows it again.
ALTER TABLE session ADD COLUMN page BIGINT NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT '';

-- A failure stays on the floor until somebody has seen it. What failed before there was a floor has been seen.
ALTER TABLE job ADD COLUMN noticed BIGINT NOT NULL DEFAULT 0;
UPDATE job SET noticed = 1;
CREATE INDEX job_unnoticed ON job (board) WHERE noticed = 0 AND state IN ('failed', 'lost');
CREATE INDEX board_last_seen ON board (last_seen DESC, id);

-- How fast a run went, as its page draws it.
ALTER TABLE run ADD COLUMN rates TEXT;

-- Links that are good once: they make the first user, or give a user another password.
CREATE TABLE invitation (
    digest TEXT PRIMARY KEY,
    person TEXT,
    role TEXT NOT NULL,
    made BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
