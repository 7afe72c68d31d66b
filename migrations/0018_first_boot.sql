-- What the system of a board finds at its first start (JSON).
ALTER TABLE project ADD COLUMN first_boot TEXT NOT NULL DEFAULT '{}';
