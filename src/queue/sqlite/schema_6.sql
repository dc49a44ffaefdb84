-- The queue, version 6: answers as they really come, and results that are looked at.

-- An excerpt of a create's answer that could not be understood, without secrets; `show` prints it.
ALTER TABLE attempts ADD COLUMN answer TEXT;
-- What was paid from a balance instead of a resource pack, in the account's currency.
ALTER TABLE attempts ADD COLUMN paid REAL;
-- The absence of our id in a create's answer was once taken for proof that a door does not know such ids.
UPDATE doors SET external_ids = NULL WHERE external_ids = 0;

-- What was paid from a balance, and the tasks that made an image and of which no answer told what they cost. The second
-- trigger is of no effect where answers tell.
INSERT INTO tallies (name, value)
    SELECT 'untold', count(*) FROM attempts
     WHERE task_ended_at IS NOT NULL AND outcome <> 'task_failed' AND units IS NULL
    UNION ALL SELECT 'paid', 0;
CREATE TRIGGER tally_paid AFTER UPDATE OF paid ON attempts WHEN new.paid IS NOT old.paid BEGIN
    UPDATE tallies SET value = value + coalesce(new.paid, 0) - coalesce(old.paid, 0) WHERE name = 'paid';
END;
CREATE TRIGGER tally_untold AFTER UPDATE OF task_ended_at, outcome, units, paid ON attempts
    WHEN (new.task_ended_at IS NOT NULL AND new.outcome <> 'task_failed' AND new.units IS NULL AND new.paid IS NULL)
      <> (old.task_ended_at IS NOT NULL AND old.outcome <> 'task_failed' AND old.units IS NULL AND old.paid IS NULL)
BEGIN
    UPDATE tallies SET value = value +
           CASE WHEN new.task_ended_at IS NOT NULL AND new.outcome <> 'task_failed' AND new.units IS NULL
                     AND new.paid IS NULL THEN 1 ELSE -1 END
     WHERE name = 'untold';
END;

-- Pairs are looked for before they are paid for again, also among jobs that nobody began: a load that asks for what an
-- earlier one has put into the queue says so.
DROP INDEX jobs_by_pair;
CREATE INDEX jobs_by_pair ON jobs (human, cloth, state);
-- What was noticed about results (a bit for each flag, `job/flag.rs`): of an image by itself, and of a job with what its
-- images share with those of others. Results of earlier versions are not flagged.
ALTER TABLE images ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN flags INTEGER NOT NULL DEFAULT 0 CHECK (flags = 0 OR state = 'succeeded');
CREATE INDEX jobs_flagged ON jobs (seq, flags) WHERE flags <> 0;
INSERT INTO tallies (name, value) VALUES ('flagged', 0);
CREATE TRIGGER tally_job_flagged AFTER UPDATE OF flags ON jobs WHEN (old.flags <> 0) <> (new.flags <> 0) BEGIN
    UPDATE tallies SET value = value + (new.flags <> 0) - (old.flags <> 0) WHERE name = 'flagged';
END;
CREATE TRIGGER tally_flagged_job_removed AFTER DELETE ON jobs WHEN old.flags <> 0 BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = 'flagged';
END;

-- Images of the same pixels have the same fingerprint, however their files are encoded. NULL where a picture has nothing
-- that could tell it from others.
ALTER TABLE images ADD COLUMN fingerprint INTEGER;
CREATE INDEX images_by_fingerprint ON images (fingerprint) WHERE fingerprint IS NOT NULL;

-- When a job was told to wait until `retry_at`. A moment that has not come yet shows that the clock was set back since.
ALTER TABLE jobs ADD COLUMN waits_since INTEGER;
CREATE INDEX jobs_waiting_since ON jobs (waits_since) WHERE state = 'pending' AND retry_at IS NOT NULL;

-- The task that the provider took last from a run: a key that does not know it is another account's, and "no such task" from
-- there says nothing about this run's submissions.
ALTER TABLE runs ADD COLUMN last_task TEXT;
UPDATE runs SET last_task = accepted.task_id
  FROM (SELECT run, task_id, max(accepted_at) FROM attempts
         WHERE accepted_at IS NOT NULL AND task_id IS NOT NULL AND shares IS NULL GROUP BY run) AS accepted
 WHERE accepted.run = runs.run;
CREATE TRIGGER run_had_a_task AFTER UPDATE OF accepted_at ON attempts
    WHEN old.accepted_at IS NULL AND new.accepted_at IS NOT NULL AND new.task_id IS NOT NULL
BEGIN
    UPDATE runs SET last_task = new.task_id WHERE run = new.run;
END;
