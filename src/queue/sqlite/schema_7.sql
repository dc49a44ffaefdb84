-- The queue, version 7: several accounts, and a further form of the API.

-- The account that an attempt is sent to, by its name in the settings; NULL where a run's one account has no name.
ALTER TABLE attempts ADD COLUMN account TEXT;
-- Where that account was then: a name may be given to another one later.
ALTER TABLE attempts ADD COLUMN endpoint TEXT;

-- The task that an account took last from a run, in place of one for the whole run. '' is the account without a name; a form of
-- the API that has tasks of its own is told by `/3` behind the endpoint.
CREATE TABLE last_tasks (
    run     INTEGER NOT NULL REFERENCES runs (run),
    account TEXT    NOT NULL,
    task_id TEXT    NOT NULL,
    PRIMARY KEY (account, run)
) STRICT, WITHOUT ROWID;
INSERT INTO last_tasks (run, account, task_id) SELECT run, '', last_task FROM runs WHERE last_task IS NOT NULL;
DROP TRIGGER run_had_a_task;
ALTER TABLE runs DROP COLUMN last_task;
CREATE TRIGGER account_had_a_task AFTER UPDATE OF accepted_at ON attempts
    WHEN old.accepted_at IS NULL AND new.accepted_at IS NOT NULL AND new.task_id IS NOT NULL
BEGIN
    INSERT INTO last_tasks (run, account, task_id)
        VALUES (new.run, coalesce(new.endpoint, '') || iif(new.model LIKE 'virtual-try-on-3%', '/3', ''), new.task_id)
        ON CONFLICT (account, run) DO UPDATE SET task_id = excluded.task_id;
END;

-- The rate of submissions, a second, that an account was last found to bear.
ALTER TABLE doors ADD COLUMN creates_per_second REAL;

-- How each account of a run goes on; written with its heartbeat.
CREATE TABLE run_accounts (
    run       INTEGER NOT NULL REFERENCES runs (run),
    account   TEXT    NOT NULL,
    place     INTEGER NOT NULL,                          -- its place among the run's accounts
    slots     INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    trouble   TEXT,                                      -- why it takes nothing at present, or any more
    has_ended INTEGER NOT NULL CHECK (has_ended IN (0, 1)), -- whether it takes nothing any more
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

-- What a model is to leave as it is in the person's picture, a bit each (`job/keep.rs`); all of it, where nobody says otherwise.
ALTER TABLE jobs ADD COLUMN keep INTEGER NOT NULL DEFAULT 7 CHECK (keep BETWEEN 0 AND 7);
-- Jobs that name a model are few, or all; those of one model that wait are found at once.
CREATE INDEX jobs_waiting_for_model ON jobs (model) WHERE state = 'pending' AND model IS NOT NULL;
