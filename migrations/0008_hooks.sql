-- Who is told what happens, by HTTP. The secret that calls are signed with is needed as it is.
CREATE TABLE hook (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- What is told, words with spaces between them.
    events TEXT NOT NULL,
    -- A sentence instead of JSON.
    plain BIGINT NOT NULL,
    made BIGINT NOT NULL,
    made_by TEXT NOT NULL
);

-- What is to be told, and was.
CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    hook TEXT NOT NULL REFERENCES hook (name) ON DELETE CASCADE,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    made BIGINT NOT NULL,
    -- When it is tried next, or was tried last.
    due BIGINT NOT NULL,
    status BIGINT,
    why TEXT NOT NULL
);
CREATE INDEX delivery_due ON delivery (due, id) WHERE state = 'waiting';
CREATE INDEX delivery_hook ON delivery (hook, state, id DESC);
CREATE INDEX delivery_state ON delivery (state, id DESC);

-- What was answered under a key that the caller chose: the same key gets the same answer once more.
CREATE TABLE idempotent (
    person TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Of method, path, query and body.
    digest TEXT NOT NULL,
    made BIGINT NOT NULL,
    -- Missing while it is being done.
    status BIGINT,
    answer TEXT,
    PRIMARY KEY (person, key)
);
CREATE INDEX idempotent_made ON idempotent (made);
