-- What an image contains, as it was looked at once: JSON in the form that it names.
CREATE TABLE image_contents (
    image TEXT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    form BIGINT NOT NULL,
    told TEXT NOT NULL
);

-- When all of an image was read last, or damage was found in it; `damaged` is how many chunks.
CREATE TABLE image_check (
    image TEXT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    checked BIGINT NOT NULL,
    damaged BIGINT NOT NULL
);

-- How often an image was written.
CREATE INDEX job_image ON job (image, made);
CREATE INDEX project_image ON project (image);

-- Files that come in pieces. What is in the file beyond `came` counts for nothing.
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    file TEXT NOT NULL,
    person TEXT NOT NULL,
    size BIGINT NOT NULL,
    came BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    made BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX upload_changed ON upload (changed);
