-- In which slot the board was when the run began. Of runs of before nobody knows it.
ALTER TABLE run ADD COLUMN slot TEXT;

-- The last runs of a slot, with what is asked of them; no row is read for it.
CREATE INDEX run_slot ON run (slot, started DESC, id DESC, outcome, way, board, label);

-- A slot may be one of the things that are looked for together.
DROP INDEX run_look;
CREATE INDEX run_look ON run (started DESC, id DESC, outcome, way, stage, board, label, serial, serial_low, image, project,
    made_by, slot);

-- When a person has mended a slot last: runs from then on count.
ALTER TABLE slot ADD COLUMN mended BIGINT;
