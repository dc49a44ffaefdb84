-- The queue in PostgreSQL, version 3: what `status` asks does not depend on how many pictures there are.

-- The pictures that are named relative to a folder that each host has; the condition is that of `has_relative_pictures`.
CREATE INDEX inputs_relative ON tryon.inputs (input)
    WHERE position('://' IN source) = 0 AND source !~ '^(/|\\|[A-Za-z]:\\)';
