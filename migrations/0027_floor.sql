-- 1: the history of another provisioner has brought it, and a person has taken that over: it is no stranger.
ALTER TABLE board ADD COLUMN brought BIGINT NOT NULL DEFAULT 0;
-- Of boards that were never seen only such a history knows runs.
UPDATE board SET brought = 1 WHERE enrolment = 'waiting' AND key IS NULL
    AND NOT EXISTS (SELECT 1 FROM sighting s WHERE s.board = board.id)
    AND EXISTS (SELECT 1 FROM run r WHERE r.board = board.id);
-- Strangers are counted for each new one, and the one that was silent for longest makes room.
CREATE INDEX board_strangers ON board (last_seen, id) WHERE enrolment = 'waiting' AND brought = 0;

-- Where the board without a key is that is at the job, and for which number of the job that is so.
ALTER TABLE job ADD COLUMN place TEXT;
ALTER TABLE job ADD COLUMN place_fence BIGINT;

-- Until when `station` has it, of what waits: nothing has gone out yet.
ALTER TABLE print ADD COLUMN claimed BIGINT NOT NULL DEFAULT 0;

-- Until when it gets nothing, because a label was perhaps printed; how many in a row; and why.
ALTER TABLE printer ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
ALTER TABLE printer ADD COLUMN doubts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE printer ADD COLUMN doubt TEXT NOT NULL DEFAULT '';
