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

-- Pairs are looked for before they are paid for again, also among jobs that nobody began: a load that asks for what an
-- earlier one has put into the queue says so.
DROP INDEX jobs_by_pair;
CREATE INDEX jobs_by_pair ON jobs (human, cloth, state);
