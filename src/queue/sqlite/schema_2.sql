-- The queue, version 2: a door's number of slots is remembered for the next run. A door may have shown one thing
-- and not yet the other, so both are NULL until they are known.
CREATE TABLE doors_2 (
    base_url     TEXT    NOT NULL PRIMARY KEY,
    external_ids INTEGER CHECK (external_ids IN (0, 1)),
    slots        INTEGER CHECK (slots >= 1)
) STRICT, WITHOUT ROWID;
INSERT INTO doors_2 (base_url, external_ids) SELECT base_url, external_ids FROM doors;
DROP TABLE doors;
ALTER TABLE doors_2 RENAME TO doors;
