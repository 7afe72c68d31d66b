-- The station that takes in an image or an upload: only that one ends what it had begun when it starts again, and objects
-- of another one that isn't done yet aren't collected. NULL: of an earlier version.
ALTER TABLE image ADD COLUMN station TEXT;
ALTER TABLE upload ADD COLUMN station TEXT;

-- Why the rule that matches a board couldn't start anything when it came; NULL: it could, or does nothing.
ALTER TABLE board ADD COLUMN stuck TEXT;
