-- Images of boards' EEPROMs. `told` is what was read in one (JSON), `body` the image, as hexadecimal digits of zstd.
CREATE TABLE firmware (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    told TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX firmware_sha256 ON firmware (sha256);

-- What a project does with its boards' EEPROMs (JSON); NULL: nothing.
ALTER TABLE project ADD COLUMN eeprom TEXT;
