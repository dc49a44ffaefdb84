-- The queue in PostgreSQL, version 1. Times are Unix milliseconds, UTC, of the host that wrote them; those
-- of `hosts` and `turns`, and `moved_at`, are the database's. Everything is in the schema `tryon`, which the program finds whatever the search path is.
--
-- Rows of pictures and jobs are loaded by the million. No foreign key leads from jobs to pictures: a picture is added in the
-- transaction of the jobs that need it, and never removed.

CREATE TABLE tryon.version (
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX version_is_one ON tryon.version ((TRUE));

-- Facts about the queue as a whole: which kind of provider it belongs to, the run's default model.
CREATE TABLE tryon.meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- What has been learnt about a provider's endpoint, by base URL.
CREATE TABLE tryon.doors (
    base_url           TEXT NOT NULL PRIMARY KEY,
    external_ids       BOOLEAN,
    slots              BIGINT CHECK (slots >= 1),
    creates_per_second DOUBLE PRECISION
);

-- Each picture once, however many jobs share it. `written` is the first spelling met. Only a load adds any, and loads follow
-- each other; so the index need not be unique, and may be one that takes texts of any length.
CREATE TABLE tryon.inputs (
    input   BIGINT NOT NULL PRIMARY KEY,
    source  TEXT   NOT NULL,
    written TEXT   NOT NULL
);
CREATE INDEX inputs_by_source ON tryon.inputs USING hash (source);

CREATE TABLE tryon.jobs (
    seq          BIGINT NOT NULL PRIMARY KEY,             -- manifest order
    human        BIGINT NOT NULL,
    cloth        BIGINT NOT NULL,
    cloth_2      BIGINT,
    priority     BIGINT NOT NULL,
    attempt      BIGINT NOT NULL DEFAULT 0 CHECK (attempt >= 0), -- the current or last attempt; 0 before the first
    forgiven     BIGINT NOT NULL DEFAULT 0,               -- attempts made before a person last put it back
    keep         BIGINT NOT NULL CHECK (keep BETWEEN 0 AND 7), -- what a model is to leave as it is, a bit each
    flags        BIGINT NOT NULL DEFAULT 0,               -- what was noticed about its result, a bit each
    retry_at     BIGINT,
    waits_since  BIGINT,                                  -- when it was told to wait until then
    waits_for    BIGINT,                                  -- the job whose end it waits for, because both ask for the same
    put_back_at  BIGINT,                                  -- when a person last put it back
    finished_at  BIGINT,
    epoch        BIGINT,                                  -- of the host that has it while it is under way
    moved_at     BIGINT,                                  -- when a host last wrote its state, by the database's clock
    id           TEXT NOT NULL,
    id_key       TEXT NOT NULL COLLATE "C",               -- folded: what a file system could confuse
    state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'submitting', 'in_doubt', 'running',
                                                                  'downloading', 'succeeded', 'failed', 'cancelled')),
    cloth_type   TEXT CHECK (cloth_type IN ('upper', 'lower', 'dress')),
    cloth_type_2 TEXT CHECK (cloth_type_2 IN ('upper', 'lower', 'dress')),
    model        TEXT,                                    -- NULL: the run's default
    failure_kind TEXT,
    error_code   TEXT,
    error        TEXT,
    CHECK ((cloth_2 IS NULL) = (cloth_type_2 IS NULL)),
    CHECK (retry_at IS NULL OR state = 'pending'),
    CHECK (waits_for IS NULL OR state = 'pending' AND retry_at IS NULL),
    CHECK (flags = 0 OR state = 'succeeded'),
    CHECK ((state = 'failed') = (failure_kind IS NOT NULL)),
    CHECK ((state = 'failed') = (error_code IS NOT NULL)),
    CHECK (forgiven BETWEEN 0 AND attempt),
    CHECK (attempt > 0 OR state IN ('pending', 'cancelled')),
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX jobs_by_id ON tryon.jobs (id_key);
-- The next job to claim, without a scan: fresh jobs by rank, waiting ones by time.
CREATE INDEX jobs_fresh ON tryon.jobs (priority DESC, seq)
    WHERE state = 'pending' AND retry_at IS NULL AND waits_for IS NULL;
CREATE INDEX jobs_waiting ON tryon.jobs (retry_at) WHERE state = 'pending' AND retry_at IS NOT NULL;
CREATE INDEX jobs_waiting_since ON tryon.jobs (waits_since) WHERE state = 'pending' AND retry_at IS NOT NULL;
CREATE INDEX jobs_waiting_for_model ON tryon.jobs (model) WHERE state = 'pending' AND model IS NOT NULL;
-- What a run takes up again, and what a person asks for.
CREATE INDEX jobs_submitting ON tryon.jobs (seq) WHERE state = 'submitting';
CREATE INDEX jobs_in_doubt ON tryon.jobs (seq) WHERE state = 'in_doubt';
CREATE INDEX jobs_running ON tryon.jobs (seq) WHERE state = 'running';
CREATE INDEX jobs_downloading ON tryon.jobs (seq) WHERE state = 'downloading';
CREATE INDEX jobs_failed ON tryon.jobs (seq) WHERE state = 'failed';
CREATE INDEX jobs_succeeded ON tryon.jobs (seq) WHERE state = 'succeeded';
CREATE INDEX jobs_flagged ON tryon.jobs (seq, flags) WHERE flags <> 0;
-- Who waits for a duplicate, and who asks for the same.
CREATE INDEX jobs_held_back ON tryon.jobs (waits_for) WHERE waits_for IS NOT NULL;
CREATE INDEX jobs_by_pair ON tryon.jobs (human, cloth);

-- Each start of a run: an epoch of a host.
CREATE TABLE tryon.hosts (
    epoch      BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    steady_since BIGINT NOT NULL,                         -- since when its heartbeats have come without a gap
    lease_ms   BIGINT NOT NULL,
    wants_at   BIGINT,                                    -- when it last claimed, or found no room
    lapsed_at  BIGINT,                                    -- when another host acted on the end of its lease
    dead_at    BIGINT,                                    -- since when it is proven that it sends nothing any more
    process    BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    machine    TEXT,                                      -- NULL: cannot be told
    boot       TEXT,
    lock       TEXT,                                      -- what its lock file has in it
    death      TEXT CHECK (death IN ('goodbye', 'lock', 'reboot', 'forgotten', 'replaced')),
    CHECK ((dead_at IS NULL) = (death IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
CREATE INDEX hosts_open ON tryon.hosts (name) WHERE dead_at IS NULL;

-- Jobs whose local pictures are not on the host of an epoch: it passes them over, and others may take them.
CREATE TABLE tryon.unseen (
    job   BIGINT NOT NULL REFERENCES tryon.jobs (seq) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    why   TEXT   NOT NULL,
    PRIMARY KEY (job, epoch)
);

-- When the next request of a kind may leave, over all hosts, in milliseconds.
CREATE TABLE tryon.turns (
    kind    TEXT             NOT NULL PRIMARY KEY,
    next_at DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Each run that worked on this queue, and what the present one waits for.
CREATE TABLE tryon.runs (
    run          BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    started_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,                         -- its last heartbeat
    ended_at     BIGINT,
    budget       BIGINT,                                  -- NULL: no limit
    spent        BIGINT NOT NULL DEFAULT 0 CHECK (budget IS NULL OR spent <= budget), -- tasks that exist or may exist
    slots        BIGINT NOT NULL,
    slot_ms_busy BIGINT NOT NULL DEFAULT 0,
    slot_ms_all  BIGINT NOT NULL DEFAULT 0,
    succeeded    BIGINT NOT NULL DEFAULT 0,               -- in this run, for its rate
    paused_until BIGINT,
    paused_why   TEXT,
    epoch        BIGINT                                   -- of the host whose run it is
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- How each account of a run goes on; written with its heartbeat.
CREATE TABLE tryon.run_accounts (
    run       BIGINT  NOT NULL REFERENCES tryon.runs (run),
    place     BIGINT  NOT NULL,                           -- its place among the run's accounts
    account   TEXT    NOT NULL,
    slots     BIGINT  NOT NULL,
    in_flight BIGINT  NOT NULL,
    submitted BIGINT  NOT NULL,
    trouble   TEXT,                                       -- why it takes nothing at present, or any more
    has_ended BOOLEAN NOT NULL,                           -- whether it takes nothing any more
    images    BIGINT  NOT NULL,
    failed    BIGINT  NOT NULL,
    units     DOUBLE PRECISION,                           -- NULL: none was told
    paid      DOUBLE PRECISION,
    PRIMARY KEY (run, place)
) WITH (fillfactor = 50);

CREATE TABLE tryon.attempts (
    job              BIGINT NOT NULL REFERENCES tryon.jobs (seq) ON DELETE CASCADE,
    attempt          BIGINT NOT NULL CHECK (attempt >= 1),
    run              BIGINT NOT NULL REFERENCES tryon.runs (run), -- whose budget it counts against
    claimed_at       BIGINT NOT NULL,
    asked            BIGINT NOT NULL CHECK (asked >= 1),  -- how often this attempt went out, waits for room included
    accepted_at      BIGINT,
    task_ended_at    BIGINT,
    ended_at         BIGINT,
    http_status      BIGINT,
    shares           BIGINT,                              -- the job whose task it shares; NULL for a task of its own
    units            DOUBLE PRECISION,
    paid             DOUBLE PRECISION,                    -- from a balance instead of a resource pack
    external_task_id TEXT   NOT NULL,
    model            TEXT   NOT NULL,
    outcome          TEXT   NOT NULL CHECK (outcome IN ('submitting', 'released', 'turned_away', 'refused', 'in_doubt',
                                                        'doubt_given_up', 'running', 'task_failed', 'downloading',
                                                        'download_failed', 'succeeded')),
    account          TEXT,                                -- NULL where a run's one account has no name
    endpoint         TEXT,                                -- where that account was then
    task_id          TEXT,
    request_id       TEXT,                                -- of the create's answer
    code             TEXT,
    message          TEXT,
    answer           TEXT,                                -- an excerpt of a create's answer that could not be understood
    sent_as          TEXT,                                -- what was made of its pictures; NULL: sent as they are
    PRIMARY KEY (job, attempt)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE UNIQUE INDEX attempts_by_name ON tryon.attempts (external_task_id);
CREATE INDEX attempts_by_task ON tryon.attempts (task_id) WHERE task_id IS NOT NULL;
-- The task that an account took last from a run: a form of the API that has tasks of its own is told by `/3`.
CREATE INDEX attempts_accepted ON tryon.attempts
    ((coalesce(endpoint, '') || CASE WHEN model LIKE 'virtual-try-on-3%' THEN '/3' ELSE '' END), run DESC, accepted_at DESC)
    WHERE accepted_at IS NOT NULL AND task_id IS NOT NULL AND shares IS NULL;

-- The task that an account is told by where it has taken none itself from a run: a doubtful job was found to be its own.
CREATE TABLE tryon.told_by (
    run         BIGINT NOT NULL REFERENCES tryon.runs (run),
    account     TEXT   NOT NULL,
    task_id     TEXT   NOT NULL,
    external_id TEXT,
    PRIMARY KEY (account, run)
);

-- The files that are in the output tree. `path_key` is folded and has no extension, so that no image can overwrite another
-- job's.
CREATE TABLE tryon.images (
    job         BIGINT NOT NULL REFERENCES tryon.jobs (seq) ON DELETE CASCADE,
    image       BIGINT NOT NULL CHECK (image >= 0),
    width       BIGINT NOT NULL,
    height      BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    flags       BIGINT NOT NULL DEFAULT 0,                -- what was noticed about it by itself
    fingerprint BIGINT,                                   -- the same for images of the same pixels
    path        TEXT   NOT NULL,
    path_key    TEXT   NOT NULL COLLATE "C",
    sha256      TEXT   NOT NULL,
    PRIMARY KEY (job, image)
);
CREATE UNIQUE INDEX images_by_path ON tryon.images (path_key);
CREATE INDEX images_further ON tryon.images (path_key) WHERE image > 0;
CREATE INDEX images_by_fingerprint ON tryon.images (fingerprint) WHERE fingerprint IS NOT NULL;

-- Rows that `--skip-invalid` passed over: no jobs, but part of the report.
CREATE TABLE tryon.rejected_rows (
    after_seq BIGINT NOT NULL,                            -- its place among the jobs
    line      BIGINT NOT NULL,
    manifest  TEXT   NOT NULL COLLATE "C",
    id        TEXT   NOT NULL,
    human     TEXT   NOT NULL,
    cloth     TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    PRIMARY KEY (manifest, line)
);
CREATE INDEX rejected_rows_by_place ON tryon.rejected_rows (after_seq, manifest, line);

-- Counts, so that counting a million jobs reads some rows. Each verb adds what it changes as rows of `tally_changes`, and so
-- waits for no other; a heartbeat now and then adds them up into `tallies`. A count is the sum of both.
CREATE TABLE tryon.tallies (
    name  TEXT             NOT NULL PRIMARY KEY,
    value DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE tryon.tally_changes (
    name   TEXT             NOT NULL,
    change DOUBLE PRECISION NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
