-- How often a job of this project is tried again by itself, where what went wrong may pass.
ALTER TABLE project ADD COLUMN retries BIGINT NOT NULL DEFAULT 0;

-- What the job does beside its image, fixed when the job was made (JSON).
ALTER TABLE job ADD COLUMN plan TEXT NOT NULL DEFAULT '{}';
