-- The station's store, for SQLite and PostgreSQL alike. Times are unix milliseconds; truth is 0 or 1; what has parts is
-- JSON in TEXT. Names are made by the station. A migration that was shipped is never changed.

CREATE TABLE slot (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    place TEXT NOT NULL,
    position BIGINT NOT NULL
);

CREATE TABLE board (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE,
    serial TEXT,
    -- The last eight digits in lower case: a boot ROM knows no more.
    serial_low TEXT,
    model TEXT,
    memory BIGINT,
    disks TEXT NOT NULL,
    simulated BIGINT NOT NULL,
    enrolment TEXT NOT NULL,
    key TEXT UNIQUE,
    held TEXT NOT NULL,
    slot TEXT,
    note TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    -- When the rules were asked last, and which one matched.
    ruled_at BIGINT,
    rule TEXT
);
CREATE INDEX board_serial ON board (serial_low, id);
CREATE INDEX board_enrolment ON board (enrolment, id);
CREATE INDEX board_slot ON board (slot, id);

CREATE TABLE board_mac (
    mac TEXT NOT NULL,
    board TEXT NOT NULL REFERENCES board (id) ON DELETE CASCADE,
    PRIMARY KEY (mac, board)
);
CREATE INDEX board_mac_board ON board_mac (board, mac);

CREATE TABLE sighting (
    way TEXT NOT NULL,
    place TEXT NOT NULL,
    board TEXT REFERENCES board (id) ON DELETE CASCADE,
    seen BIGINT NOT NULL,
    doing TEXT NOT NULL,
    PRIMARY KEY (way, place)
);
CREATE INDEX sighting_board ON sighting (board, seen DESC, way DESC, place DESC);
CREATE INDEX sighting_seen ON sighting (seen DESC, way DESC, place DESC);

CREATE TABLE image (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    why TEXT,
    index_id TEXT NOT NULL,
    raw_len BIGINT NOT NULL,
    raw_sha256 TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    stored BIGINT NOT NULL,
    zero BIGINT NOT NULL,
    unused BIGINT NOT NULL,
    added BIGINT NOT NULL,
    backup_of TEXT
);
CREATE INDEX image_state ON image (state);
CREATE INDEX image_index ON image (index_id);

-- What an image needs of the objects. `stored` is the object's length.
CREATE TABLE image_chunk (
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    chunk TEXT NOT NULL,
    stored BIGINT NOT NULL,
    PRIMARY KEY (image, chunk)
);
CREATE INDEX image_chunk_chunk ON image_chunk (chunk);

CREATE TABLE project (
    name TEXT PRIMARY KEY,
    image TEXT,
    target TEXT NOT NULL,
    ending TEXT NOT NULL,
    again TEXT NOT NULL,
    made BIGINT NOT NULL
);

CREATE TABLE rule (
    name TEXT PRIMARY KEY,
    place BIGINT NOT NULL,
    matching TEXT NOT NULL,
    doing TEXT NOT NULL,
    matched BIGINT NOT NULL,
    last BIGINT
);

CREATE TABLE job (
    id TEXT PRIMARY KEY,
    board TEXT NOT NULL,
    project TEXT,
    action TEXT NOT NULL,
    image TEXT,
    target TEXT NOT NULL,
    ending TEXT NOT NULL,
    state TEXT NOT NULL,
    fence BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    cancel BIGINT NOT NULL,
    run TEXT,
    made_by TEXT NOT NULL,
    made BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
-- A board has one thing to do at a time.
CREATE UNIQUE INDEX job_open ON job (board) WHERE state IN ('queued', 'running', 'finishing');
CREATE INDEX job_lease ON job (lease_until, id) WHERE state IN ('running', 'finishing');
CREATE INDEX job_board ON job (board, id DESC);
CREATE INDEX job_state ON job (state, id DESC);
CREATE INDEX job_done ON job (board, project, state);

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    way TEXT NOT NULL,
    board TEXT,
    label TEXT NOT NULL,
    serial TEXT NOT NULL,
    serial_low TEXT NOT NULL,
    job TEXT,
    fence BIGINT NOT NULL,
    started BIGINT NOT NULL,
    took BIGINT,
    stage TEXT NOT NULL,
    outcome TEXT NOT NULL,
    why TEXT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    simulated BIGINT NOT NULL,
    -- The next line of its log.
    lines BIGINT NOT NULL,
    -- The record as it is, in the form that `run` has.
    record TEXT NOT NULL
);
CREATE INDEX run_started ON run (started DESC, id DESC);
CREATE INDEX run_board ON run (board, started DESC, id DESC);
CREATE INDEX run_serial ON run (serial_low, started DESC, id DESC);
CREATE INDEX run_outcome ON run (outcome, started DESC, id DESC);
CREATE INDEX run_way ON run (way, started DESC, id DESC);
CREATE INDEX run_job ON run (job, started DESC, id DESC);

CREATE TABLE run_line (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    n BIGINT NOT NULL,
    said BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (run, n)
);
CREATE INDEX run_line_said ON run_line (said);

-- Records that other commands wrote: the file, as it was when it was taken in; why not, where it couldn't be.
CREATE TABLE spool (
    file TEXT PRIMARY KEY,
    stamp TEXT NOT NULL,
    why TEXT
);

CREATE TABLE backup (
    image TEXT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    board TEXT NOT NULL,
    run TEXT NOT NULL,
    device TEXT NOT NULL,
    proof TEXT NOT NULL
);
CREATE INDEX backup_board ON backup (board, image DESC);

CREATE TABLE person (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    made BIGINT NOT NULL,
    last BIGINT,
    -- argon2id, in the form that has its parameters.
    password TEXT NOT NULL
);

-- Of sessions and tokens a digest only: who reads the store can't use them.
CREATE TABLE session (
    digest TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    made BIGINT NOT NULL,
    used BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX session_expires ON session (expires);

CREATE TABLE token (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    person TEXT NOT NULL,
    made BIGINT NOT NULL,
    expires BIGINT,
    used BIGINT
);

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    person TEXT NOT NULL,
    origin TEXT NOT NULL,
    doing TEXT NOT NULL,
    subject TEXT NOT NULL
);
