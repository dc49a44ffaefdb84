-- The queue, version 8: what proves that an account is the one that a doubtful submission went to.

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
