-- Templates of labels.
CREATE TABLE label (
    name TEXT PRIMARY KEY,
    language TEXT NOT NULL,
    body TEXT NOT NULL
);

-- Where labels are printed. `place` says where that is (JSON), `secret` is the password for it.
CREATE TABLE printer (
    name TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    takes TEXT NOT NULL,
    secret TEXT,
    made BIGINT NOT NULL,
    made_by TEXT NOT NULL
);

-- What is to be printed, and was: with the label as it was when somebody wanted it, and the board's values (JSON).
CREATE TABLE print (
    id TEXT PRIMARY KEY,
    printer TEXT NOT NULL,
    label TEXT NOT NULL,
    language TEXT NOT NULL,
    body TEXT NOT NULL,
    content TEXT NOT NULL,
    board TEXT,
    called TEXT NOT NULL,
    run TEXT,
    -- The job that it belongs to, where its project has a label: it is printed once a job.
    job TEXT,
    made_by TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The station that prints it now.
    station TEXT,
    tries BIGINT NOT NULL,
    made BIGINT NOT NULL,
    -- When it is tried next, or until when it is printed, or was tried last.
    due BIGINT NOT NULL,
    why TEXT NOT NULL
);
CREATE INDEX print_open ON print (printer, id) WHERE state IN ('waiting', 'printing');
CREATE INDEX print_state ON print (state, id DESC);
CREATE INDEX print_printer ON print (printer, id DESC);
CREATE INDEX print_board ON print (board, id DESC);
CREATE INDEX print_job ON print (job);

-- The label of a project's boards (JSON); NULL: none.
ALTER TABLE project ADD COLUMN label TEXT;
