-- Where the station fetches a file from by itself; empty where somebody sends it. Without the query, which may hold what
-- isn't for everybody.
ALTER TABLE upload ADD COLUMN url TEXT NOT NULL DEFAULT '';
