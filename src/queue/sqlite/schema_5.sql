-- The queue, version 5: identical pairs are generated once (`--dedupe`).

-- The job whose end a waiting job waits for, because both ask for the same.
ALTER TABLE jobs ADD COLUMN waits_for INTEGER CHECK (waits_for IS NULL OR state = 'pending' AND retry_at IS NULL);
-- When a person last put the job back: what was made before that does not count for it.
ALTER TABLE jobs ADD COLUMN put_back_at INTEGER;
-- The job whose task this attempt shares; NULL for a task of its own.
ALTER TABLE attempts ADD COLUMN shares INTEGER;

DROP INDEX jobs_fresh;
CREATE INDEX jobs_fresh ON jobs (priority DESC, seq)
    WHERE state = 'pending' AND retry_at IS NULL AND waits_for IS NULL;
CREATE INDEX jobs_held_back ON jobs (waits_for) WHERE waits_for IS NOT NULL;
-- Who asks for the same and has been at work. A job that nobody began stands in no line of it, so loading pays nothing.
CREATE INDEX jobs_by_pair ON jobs (human, cloth, state) WHERE attempt > 0;
