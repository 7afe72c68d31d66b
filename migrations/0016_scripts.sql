-- What boards run before and after their image is written.
CREATE TABLE script (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    moment TEXT NOT NULL,
    priority BIGINT NOT NULL,
    background BIGINT NOT NULL,
    once BIGINT NOT NULL,
    time_limit BIGINT NOT NULL
);

-- The names of a project's scripts (JSON).
ALTER TABLE project ADD COLUMN scripts TEXT NOT NULL DEFAULT '[]';

-- What has begun on which board, by the digest of its text: what runs once isn't run again, also where nobody has told how
-- it ended, because it has started the board again.
CREATE TABLE script_done (
    board TEXT NOT NULL REFERENCES board (id) ON DELETE CASCADE,
    script TEXT NOT NULL,
    name TEXT NOT NULL,
    once BIGINT NOT NULL,
    state TEXT NOT NULL,
    -- The job, its number when the script began last, and how often it has begun there.
    job TEXT NOT NULL,
    fence BIGINT NOT NULL,
    begins BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (board, script, name)
);
