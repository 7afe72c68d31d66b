-- Several boards may be seen at one place: behind a relay, a router, or at one port one after the other. `who` is the
-- board, or an empty text where it isn't known, so that it is a part of the key.
CREATE TABLE sighting_of_each (
    way TEXT NOT NULL,
    place TEXT NOT NULL,
    who TEXT NOT NULL,
    board TEXT REFERENCES board (id) ON DELETE CASCADE,
    seen BIGINT NOT NULL,
    doing TEXT NOT NULL,
    PRIMARY KEY (way, place, who)
);
INSERT INTO sighting_of_each (way, place, who, board, seen, doing)
SELECT way, place, coalesce(board, ''), board, seen, doing FROM sighting;
DROP TABLE sighting;
ALTER TABLE sighting_of_each RENAME TO sighting;
CREATE INDEX sighting_board ON sighting (board, seen DESC, way DESC, place DESC);
CREATE INDEX sighting_seen ON sighting (seen DESC, way DESC, place DESC, who DESC);
CREATE INDEX sighting_who ON sighting (who, way, seen DESC);
