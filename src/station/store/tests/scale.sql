-- 10,000 boards and 100,000 runs, in words that both databases know.
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
INSERT INTO board (id, name, serial, serial_low, model, disks, simulated, enrolment, held, note, first_seen, last_seen)
SELECT CAST(100000 + i AS TEXT), 'b' || CAST(i AS TEXT), CAST(1000000010000000 + i AS TEXT),
    CAST(10000000 + i AS TEXT), 'Raspberry Pi 4 Model B Rev 1.4', '[]', 0, CASE WHEN i % 10 = 0 THEN 'waiting' ELSE 'enrolled' END, 'armed', '', i, i
FROM n;

WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
INSERT INTO board_mac (mac, board)
SELECT 'dc:a6:32:0' || CAST(i / 1000 AS TEXT) || ':0' || CAST(i / 100 % 10 AS TEXT) || ':'
    || CAST(i / 10 % 10 AS TEXT) || CAST(i % 10 AS TEXT), CAST(100000 + i AS TEXT)
FROM n;

WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
INSERT INTO run (id, way, board, label, serial, serial_low, job, fence, started, took, stage, outcome, why, done, total,
    simulated, lines, record, image, project, made_by, slot, kind, tally)
SELECT CAST(100000000000 + i AS TEXT), CASE WHEN i % 3 = 0 THEN 'flash' ELSE 'deploy' END,
    CAST(100000 + i % 10000 AS TEXT), 'b', CAST(1000000010000000 + i % 10000 AS TEXT),
    CAST(10000000 + i % 10000 AS TEXT), NULL, 1, i * 1000, 5, 'done',
    CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'done' END,
    CASE WHEN i % 1000 = 0 THEN 'chunk 611 differs' ELSE '' END, 0, 0, 0, 0,
    '{"schema":2,"detail":"' || substr('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 1, 64) || '"}',
    CASE WHEN i % 5 = 0 THEN 'meter' ELSE 'gateway' END, 'bench', 'anna',
    'S' || CAST(i % 200 AS TEXT),
    CASE WHEN i % 1000 = 0 THEN 'io' END,
    CAST(i * 1000 AS TEXT) || '	' || CAST(90000 + i * 7919 % 60000 AS TEXT) || '	'
    || CASE WHEN i % 1000 = 0 THEN 'f' ELSE 'd' END || '	' || CASE WHEN i % 3 = 0 THEN 'flash' ELSE 'deploy' END
    || '	0	done	' || CAST(100000 + i % 10000 AS TEXT) || '	S' || CAST(i % 200 AS TEXT) || '	bench	'
    || CASE WHEN i % 5 = 0 THEN 'meter' ELSE 'gateway' END || '	1100	13800	' || CAST(50000 + i * 7919 % 40000 AS TEXT)
    || '	41700	8900	' || CASE WHEN i % 1000 = 0 THEN 'chunk 611 differs' ELSE '' END
FROM n;

-- Each board has done something.
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
INSERT INTO job (id, board, action, target, ending, state, fence, lease_until, cancel, made_by, made, changed)
SELECT CAST(200000 + i AS TEXT), CAST(100000 + i AS TEXT), 'deploy', '[]', 'reboot',
    CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'done' END, 1, 0, 0, 'anna', i, i
FROM n;

-- What a database does by itself within minutes.
ANALYZE;
