-- What failed, of one way: without it each run of that way is read.
CREATE INDEX run_way_outcome ON run (way, outcome, started DESC, id DESC);
