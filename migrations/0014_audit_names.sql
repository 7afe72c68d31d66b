-- What people called it at that time. Rows of before have only what stands in `subject`.
ALTER TABLE audit ADD COLUMN name TEXT;
CREATE INDEX audit_name ON audit (name, n DESC);
