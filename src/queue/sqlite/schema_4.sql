-- The queue, version 4: a million jobs.

-- As with the checks of version 1: no list, so that no table of its members is built for each row that is written.
DROP INDEX jobs_active;
CREATE INDEX jobs_active ON jobs (state, seq)
    WHERE state = 'submitting' OR state = 'in_doubt' OR state = 'running' OR state = 'downloading';

-- The search for results whose files are gone goes from one finished job to the next, past a million that wait.
CREATE INDEX jobs_succeeded ON jobs (seq) WHERE state = 'succeeded';

-- A load counts what it has added once, at its end; every other change of a state is still counted as it happens.
DROP TRIGGER tally_job_added;
