-- What lists of boards and runs look for.

-- The image by its name, the project, and who asked: of runs of before, what their jobs know.
ALTER TABLE run ADD COLUMN image TEXT;
ALTER TABLE run ADD COLUMN project TEXT;
ALTER TABLE run ADD COLUMN made_by TEXT;
UPDATE run SET project = (SELECT j.project FROM job j WHERE j.id = run.job),
    made_by = (SELECT j.made_by FROM job j WHERE j.id = run.job),
    image = (SELECT i.name FROM job j JOIN image i ON i.id = j.image WHERE j.id = run.job)
    WHERE job IS NOT NULL;
-- An entry of an index has bounds.
UPDATE run SET label = substr(label, 1, 120) WHERE length(label) > 120;

-- All that lists of runs look for, in their order: whatever is asked for together, no row is read that isn't shown.
CREATE INDEX run_look ON run (started DESC, id DESC, outcome, way, stage, board, label, serial, serial_low, image, project,
    made_by);
CREATE INDEX run_why ON run (started DESC, id DESC) WHERE why <> '';

-- By what people call a board, else by its serial number.
CREATE INDEX board_called ON board (lower(coalesce(name, serial, '')), id);

-- What an agent told beside that when it came: JSON.
ALTER TABLE board ADD COLUMN facts TEXT;
