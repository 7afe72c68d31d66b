-- What statistics count of a run, in one text: src/station/store/tally.rs has its fields. An index with all of it is read
-- in one go, and no row is touched.
ALTER TABLE run ADD COLUMN tally TEXT NOT NULL DEFAULT '';

-- Of runs of before, without the time of their steps: that stands in their records only. Between the fields are tabs.
UPDATE run SET tally = CAST(started AS TEXT) || '	' || coalesce(CAST(took AS TEXT), '') || '	'
    || CASE WHEN kind = 'interrupted' THEN 'c' ELSE substr(outcome, 1, 1) END || '	' || way || '	'
    || CAST(simulated AS TEXT) || '	' || stage || '	'
    || replace(CASE WHEN board IS NULL THEN label WHEN length(board) > 12 THEN substr(board, length(board) - 11)
       ELSE board END, '	', ' ')
    || '	' || replace(coalesce(slot, ''), '	', ' ') || '	' || replace(coalesce(project, ''), '	', ' ')
    || '	' || replace(coalesce(image, ''), '	', ' ') || '						' || replace(replace(substr(why, 1, 80), '	', ' '), '
', ' ');

CREATE INDEX run_tally ON run (started DESC, tally);
