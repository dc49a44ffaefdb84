-- The queue, version 8: hosts that work it together.

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
