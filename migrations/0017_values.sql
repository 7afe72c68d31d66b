-- Sources of values of which each board has its own.
CREATE TABLE value_source (
    name TEXT PRIMARY KEY,
    -- What sort of source it is, with what belongs to that (JSON).
    source TEXT NOT NULL,
    -- What calls of an HTTP source are signed with.
    secret TEXT,
    -- Of a sequence: how many were taken from its front.
    taken BIGINT NOT NULL DEFAULT 0,
    -- Where fewer are left, people are told.
    warn BIGINT NOT NULL,
    made BIGINT NOT NULL,
    made_by TEXT NOT NULL
);

-- What may be given to a board: rows of a table, and numbers of a sequence that were given back.
CREATE TABLE value_free (
    source TEXT NOT NULL REFERENCES value_source (name) ON DELETE CASCADE,
    -- What isn't given twice: a number of a sequence, a digest of a table's row.
    unit TEXT NOT NULL,
    -- The lowest is given first.
    place BIGINT NOT NULL,
    -- The only board that may have it.
    serial TEXT,
    -- Values by their names (JSON).
    content TEXT NOT NULL,
    PRIMARY KEY (source, unit)
);
CREATE INDEX value_free_next ON value_free (source, serial, place);

-- What was given to a board, and stays its own.
CREATE TABLE value_given (
    source TEXT NOT NULL REFERENCES value_source (name) ON DELETE CASCADE,
    unit TEXT NOT NULL,
    board TEXT NOT NULL,
    -- A board that was forgotten is known by it.
    serial TEXT,
    content TEXT NOT NULL,
    -- What becomes free when it is given back (JSON): the row as the newest table has it. NULL: nothing.
    back TEXT,
    given BIGINT NOT NULL,
    PRIMARY KEY (source, unit)
);
CREATE UNIQUE INDEX value_given_board ON value_given (source, board);
CREATE UNIQUE INDEX value_given_serial ON value_given (source, serial);

-- The names of sources whose values a project's boards get (JSON).
ALTER TABLE project ADD COLUMN draws TEXT NOT NULL DEFAULT '[]';

-- When an HTTP source is asked next for what this job needs; NULL where nothing is asked.
ALTER TABLE job ADD COLUMN asks_at BIGINT;
ALTER TABLE job ADD COLUMN asked BIGINT NOT NULL DEFAULT 0;
-- Why its board doesn't get it yet.
ALTER TABLE job ADD COLUMN waits TEXT;
CREATE INDEX job_asks ON job (asks_at) WHERE asks_at IS NOT NULL;
