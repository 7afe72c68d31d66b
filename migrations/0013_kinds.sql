-- What sort of failure it was: a slot can't be blamed for each. Of runs of before nobody has looked.
ALTER TABLE run ADD COLUMN kind TEXT;

DROP INDEX run_slot;
CREATE INDEX run_slot ON run (slot, started DESC, id DESC, outcome, kind, way, board, label);
