-- Where the bytes of images are kept, for all stations of this database: one row. `number` grows with each change. What is
-- in `leaving` is being copied to `main`; NULL: nothing is.
CREATE TABLE object_place (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL,
    main TEXT NOT NULL,
    leaving TEXT,
    since BIGINT NOT NULL
);

-- Places that were left and still have what was there. A directory is one station's own, a bucket nobody's: ''. `removing`:
-- a person has said that it may go.
CREATE TABLE object_old (
    place TEXT NOT NULL,
    station TEXT NOT NULL,
    since BIGINT NOT NULL,
    removing BIGINT NOT NULL DEFAULT 0,
    why TEXT,
    PRIMARY KEY (place, station)
);

-- What each station has copied for a number of object_place. `done`: a whole pass found nothing more.
CREATE TABLE object_station (
    station TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    copied BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    damaged BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    why TEXT
);
