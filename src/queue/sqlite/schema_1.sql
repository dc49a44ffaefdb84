-- The queue, version 1. Times are Unix milliseconds, UTC.
--
-- The checks say `a = x OR a = y` where `a IN (x, y)` would be shorter: for a list of more than two SQLite builds a
-- table of its members each time that a row is written, which takes longer than writing the row.

-- Facts about the queue as a whole: which kind of provider it belongs to, the run's default model.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What has been learnt about a provider's door, by base URL.
CREATE TABLE doors (
    base_url     TEXT    NOT NULL PRIMARY KEY,
    external_ids INTEGER NOT NULL CHECK (external_ids IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Each picture once, however many jobs share it. `written` is the first spelling met.
CREATE TABLE inputs (
    input   INTEGER NOT NULL PRIMARY KEY,
    source  TEXT    NOT NULL UNIQUE,
    written TEXT    NOT NULL
) STRICT;

CREATE TABLE jobs (
    seq          INTEGER NOT NULL PRIMARY KEY,           -- manifest order
    id           TEXT    NOT NULL,
    id_key       TEXT    NOT NULL UNIQUE,                -- folded: what a file system could confuse
    human        INTEGER NOT NULL REFERENCES inputs (input),
    cloth        INTEGER NOT NULL REFERENCES inputs (input),
    cloth_type   TEXT CHECK (cloth_type = 'upper' OR cloth_type = 'lower' OR cloth_type = 'dress'),
    cloth_2      INTEGER REFERENCES inputs (input),
    cloth_type_2 TEXT CHECK (cloth_type_2 = 'upper' OR cloth_type_2 = 'lower' OR cloth_type_2 = 'dress'),
    model        TEXT,                                   -- NULL: the run's default
    priority     INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state = 'pending' OR state = 'submitting' OR state = 'in_doubt' OR
                                         state = 'running' OR state = 'downloading' OR state = 'succeeded' OR
                                         state = 'failed' OR state = 'cancelled'),
    attempt      INTEGER NOT NULL CHECK (attempt >= 0),  -- the current or last attempt; 0 before the first
    forgiven     INTEGER NOT NULL DEFAULT 0,             -- attempts made before a person last put it back
    retry_at     INTEGER,
    failure_kind TEXT,
    error_code   TEXT,
    error        TEXT,
    finished_at  INTEGER,
    CHECK ((cloth_2 IS NULL) = (cloth_type_2 IS NULL)),
    CHECK (retry_at IS NULL OR state = 'pending'),
    CHECK ((state = 'failed') = (failure_kind IS NOT NULL)),
    CHECK ((state = 'failed') = (error_code IS NOT NULL)),
    CHECK (forgiven BETWEEN 0 AND attempt),
    CHECK (attempt > 0 OR state = 'pending' OR state = 'cancelled'),
    CHECK ((state = 'succeeded' OR state = 'failed' OR state = 'cancelled') = (finished_at IS NOT NULL))
) STRICT;

-- The next job to claim, without a scan: fresh jobs by rank, waiting ones by time.
CREATE INDEX jobs_fresh ON jobs (priority DESC, seq) WHERE state = 'pending' AND retry_at IS NULL;
CREATE INDEX jobs_waiting ON jobs (retry_at) WHERE state = 'pending' AND retry_at IS NOT NULL;
-- What a run takes up again, and what a person asks for.
CREATE INDEX jobs_active ON jobs (state, seq) WHERE state IN ('submitting', 'in_doubt', 'running', 'downloading');
CREATE INDEX jobs_failed ON jobs (seq) WHERE state = 'failed';

-- Each run that worked on this queue, and what the present one waits for.
CREATE TABLE runs (
    run          INTEGER NOT NULL PRIMARY KEY,
    started_at   INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,                       -- last sign of life
    ended_at     INTEGER,
    budget       INTEGER,                                -- NULL: no limit
    spent        INTEGER NOT NULL DEFAULT 0 CHECK (budget IS NULL OR spent <= budget), -- tasks that exist or may exist
    slots        INTEGER NOT NULL,
    slot_ms_busy INTEGER NOT NULL DEFAULT 0,
    slot_ms_all  INTEGER NOT NULL DEFAULT 0,
    succeeded    INTEGER NOT NULL DEFAULT 0,             -- in this run, for its rate
    paused_until INTEGER,
    paused_why   TEXT
) STRICT;

CREATE TABLE attempts (
    job              INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    attempt          INTEGER NOT NULL CHECK (attempt >= 1),
    run              INTEGER NOT NULL REFERENCES runs (run), -- whose budget it counts against
    external_task_id TEXT    NOT NULL UNIQUE,
    model            TEXT    NOT NULL,
    claimed_at       INTEGER NOT NULL,
    asked            INTEGER NOT NULL CHECK (asked >= 1), -- how often this attempt went out, waits for room included
    outcome          TEXT    NOT NULL CHECK (outcome = 'submitting' OR outcome = 'released' OR
                                             outcome = 'turned_away' OR outcome = 'refused' OR
                                             outcome = 'in_doubt' OR outcome = 'doubt_given_up' OR
                                             outcome = 'running' OR outcome = 'task_failed' OR
                                             outcome = 'downloading' OR outcome = 'download_failed' OR
                                             outcome = 'succeeded'),
    accepted_at      INTEGER,
    task_id          TEXT,
    request_id       TEXT,                               -- of the create's answer
    http_status      INTEGER,
    code             TEXT,
    message          TEXT,
    units            REAL,
    task_ended_at    INTEGER,
    ended_at         INTEGER,
    PRIMARY KEY (job, attempt)
) STRICT, WITHOUT ROWID;

-- The files that stand in the output tree. `path_key` is folded and has no extension, so that no image
-- can overwrite another job's.
CREATE TABLE images (
    job      INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    image    INTEGER NOT NULL CHECK (image >= 0),
    path     TEXT    NOT NULL,
    path_key TEXT    NOT NULL UNIQUE,
    width    INTEGER NOT NULL,
    height   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    sha256   TEXT    NOT NULL,
    PRIMARY KEY (job, image)
) STRICT, WITHOUT ROWID;

-- Rows that `--skip-invalid` passed over: no jobs, but part of the report.
CREATE TABLE rejected_rows (
    manifest  TEXT    NOT NULL,
    line      INTEGER NOT NULL,
    after_seq INTEGER NOT NULL,                          -- its place among the jobs
    id        TEXT    NOT NULL,
    human     TEXT    NOT NULL,
    cloth     TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    PRIMARY KEY (manifest, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX rejected_rows_by_place ON rejected_rows (after_seq, manifest, line);

-- Kept by triggers, so that counting a million jobs reads nine rows.
CREATE TABLE tallies (
    name  TEXT NOT NULL PRIMARY KEY,
    value REAL NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tallies (name, value) VALUES
    ('pending', 0), ('submitting', 0), ('in_doubt', 0), ('running', 0), ('downloading', 0),
    ('succeeded', 0), ('failed', 0), ('cancelled', 0), ('rejected', 0), ('units', 0);

CREATE TRIGGER tally_job_added AFTER INSERT ON jobs BEGIN
    UPDATE tallies SET value = value + 1 WHERE name = new.state;
END;
CREATE TRIGGER tally_job_moved AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = old.state;
    UPDATE tallies SET value = value + 1 WHERE name = new.state;
END;
CREATE TRIGGER tally_job_removed AFTER DELETE ON jobs BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = old.state;
END;
CREATE TRIGGER tally_row_rejected AFTER INSERT ON rejected_rows BEGIN
    UPDATE tallies SET value = value + 1 WHERE name = 'rejected';
END;
CREATE TRIGGER tally_row_forgotten AFTER DELETE ON rejected_rows BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = 'rejected';
END;
CREATE TRIGGER tally_units AFTER UPDATE OF units ON attempts BEGIN
    UPDATE tallies SET value = value + coalesce(new.units, 0) - coalesce(old.units, 0) WHERE name = 'units';
END;
