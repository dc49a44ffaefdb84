-- The queue, version 8: hosts that work it together, and what proves that an account is the one that a doubtful submission
-- went to.

-- Each start of a run: an epoch of a host. Times of this table are of the queue's own clock, which all hosts share.
CREATE TABLE hosts (
    epoch      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    machine    TEXT,                                     -- NULL: cannot be told
    boot       TEXT,
    lock       TEXT,                                     -- what its lock file has in it
    process    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    lease_ms   INTEGER NOT NULL,
    steady_since INTEGER NOT NULL,                       -- since when its heartbeats have come without a gap
    wants_at   INTEGER,                                  -- when it last claimed, or found no room
    lapsed_at  INTEGER,                                  -- when another host acted on the end of its lease
    dead_at    INTEGER,                                  -- since when it is proven that it sends nothing any more
    death      TEXT CHECK (death = 'goodbye' OR death = 'lock' OR death = 'reboot' OR death = 'forgotten' OR
                           death = 'replaced'),
    CHECK ((dead_at IS NULL) = (death IS NULL))
) STRICT;
CREATE INDEX hosts_open ON hosts (name) WHERE dead_at IS NULL;

-- The epoch that has a job which is under way; NULL where a person has put it back, and no host has taken it up yet.
ALTER TABLE jobs ADD COLUMN epoch INTEGER;
-- When the state was last written for a host, by the queue's own clock.
ALTER TABLE jobs ADD COLUMN moved_at INTEGER;

-- When the next request of a kind may leave, over all hosts, in milliseconds of the queue's own clock.
CREATE TABLE turns (
    kind    TEXT NOT NULL PRIMARY KEY,
    next_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- Our own name for the task that an account took last. Providers that count their tasks have the same numbers; this name no
-- other task has. NULL where it is not known any more: such a task proves nothing.
ALTER TABLE last_tasks ADD COLUMN external_id TEXT;
UPDATE last_tasks SET external_id = accepted.external_task_id
  FROM (SELECT run, task_id, external_task_id,
               coalesce(endpoint, '') || iif(model LIKE 'virtual-try-on-3%', '/3', '') AS account
          FROM attempts WHERE accepted_at IS NOT NULL AND task_id IS NOT NULL AND shares IS NULL) AS accepted
 WHERE accepted.run = last_tasks.run AND accepted.account = last_tasks.account AND accepted.task_id = last_tasks.task_id;
DROP TRIGGER account_had_a_task;
CREATE TRIGGER account_had_a_task AFTER UPDATE OF accepted_at ON attempts
    WHEN old.accepted_at IS NULL AND new.accepted_at IS NOT NULL AND new.task_id IS NOT NULL
BEGIN
    INSERT INTO last_tasks (run, account, task_id, external_id)
        VALUES (new.run, coalesce(new.endpoint, '') || iif(new.model LIKE 'virtual-try-on-3%', '/3', ''), new.task_id,
                new.external_task_id)
        ON CONFLICT (account, run) DO UPDATE SET task_id = excluded.task_id, external_id = excluded.external_id;
END;

-- What each account of a run did in it. What a task cost is told by some providers only; NULL where none was told.
ALTER TABLE run_accounts ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run_accounts ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run_accounts ADD COLUMN units REAL;
ALTER TABLE run_accounts ADD COLUMN paid REAL;

-- Jobs whose local pictures are not on the host of an epoch: it passes them over, and others may take them.
CREATE TABLE unseen (
    job   INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    why   TEXT    NOT NULL,
    PRIMARY KEY (job, epoch)
) STRICT, WITHOUT ROWID;
