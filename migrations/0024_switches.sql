-- The cell of a slot on the map of the bench; both or none.
ALTER TABLE slot ADD COLUMN map_row BIGINT;
ALTER TABLE slot ADD COLUMN map_column BIGINT;

-- Slots at which boards were by their jumpers had to be called so, and were of any kind.
UPDATE slot SET kind = 'jumper', place = substr(name, 8)
WHERE name IN ('jumper-0', 'jumper-1', 'jumper-2', 'jumper-3', 'jumper-4', 'jumper-5', 'jumper-6', 'jumper-7');

-- Ethernet switches that are asked which address is at which port. `uplinks` are names of ports (JSON).
CREATE TABLE switch (
    name TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    community TEXT NOT NULL,
    uplinks TEXT NOT NULL,
    made BIGINT NOT NULL,
    made_by TEXT NOT NULL
);
