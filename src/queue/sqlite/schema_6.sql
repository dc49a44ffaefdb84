-- The queue, version 6: answers as they really come, and results that are looked at.

-- An excerpt of a create's answer that could not be understood, without secrets; `show` prints it.
ALTER TABLE attempts ADD COLUMN answer TEXT;
-- When the last create of this attempt was sent: "no such task" is believed only some time after it.
ALTER TABLE attempts ADD COLUMN sent_at INTEGER;
UPDATE attempts SET sent_at = claimed_at;
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
