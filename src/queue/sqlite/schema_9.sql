-- The queue, version 9: manifest columns that are kept, verdicts about images, and what pictures were when they were sent.
-- Nothing of it is known of earlier jobs: no picture is read for an upgrade.

-- The manifest columns that are not read, as a JSON object in manifest order; NULL where a row has none.
ALTER TABLE jobs ADD COLUMN extra TEXT;

-- Each verdict that was given, in the order in which they were. It is about the image of that sha256: a new image of the same
-- job is unjudged. One that was taken back is a row without a verdict.
CREATE TABLE reviews (
    review   INTEGER NOT NULL PRIMARY KEY,
    job      INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    sha256   TEXT    NOT NULL,
    verdict  TEXT CHECK (verdict = 'approved' OR verdict = 'rejected'),
    reason   TEXT,
    reviewer TEXT,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX reviews_of_job ON reviews (job, sha256);

-- The verdict about the present image, and its row in `reviews`; NULL where it is unjudged.
ALTER TABLE jobs ADD COLUMN review INTEGER;
ALTER TABLE jobs ADD COLUMN verdict TEXT
    CHECK (verdict IS NULL OR (verdict = 'approved' OR verdict = 'rejected') AND state = 'succeeded' AND review IS NOT NULL);
CREATE INDEX jobs_judged ON jobs (verdict, seq) WHERE verdict IS NOT NULL;
CREATE INDEX jobs_unjudged ON jobs (seq) WHERE state = 'succeeded' AND verdict IS NULL;
-- `rejected` counts manifest rows that were passed over.
INSERT INTO tallies (name, value) VALUES ('approved', 0), ('rejected_images', 0);
CREATE TRIGGER tally_job_judged AFTER UPDATE OF verdict ON jobs WHEN old.verdict IS NOT new.verdict BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = iif(old.verdict = 'approved', 'approved', 'rejected_images')
                                           AND old.verdict IS NOT NULL;
    UPDATE tallies SET value = value + 1 WHERE name = iif(new.verdict = 'approved', 'approved', 'rejected_images')
                                           AND new.verdict IS NOT NULL;
END;
CREATE TRIGGER tally_judged_job_removed AFTER DELETE ON jobs WHEN old.verdict IS NOT NULL BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = iif(old.verdict = 'approved', 'approved', 'rejected_images');
END;

-- What a picture was when it was read to be sent. A picture has several rows where it was changed in between.
CREATE TABLE contents (
    content  INTEGER NOT NULL PRIMARY KEY,
    input    INTEGER NOT NULL REFERENCES inputs (input),
    bytes    INTEGER NOT NULL,
    modified INTEGER,                                    -- of a local file: in nanoseconds, when it last was seen so
    sha256   TEXT    NOT NULL,                           -- '' where only the bucket's tag is known
    etag     TEXT    NOT NULL DEFAULT '',                -- of an object in a bucket
    UNIQUE (input, sha256, etag),
    CHECK (sha256 <> '' OR etag <> '')
) STRICT;
CREATE INDEX contents_by_sha256 ON contents (sha256) WHERE sha256 <> '';
-- What the picture last was known to be.
ALTER TABLE inputs ADD COLUMN content INTEGER;
-- What was sent for an attempt; NULL where it is not known.
ALTER TABLE attempts ADD COLUMN human_content INTEGER;
ALTER TABLE attempts ADD COLUMN cloth_content INTEGER;
ALTER TABLE attempts ADD COLUMN cloth_2_content INTEGER;

-- Jobs that an account has refused alike since it last accepted one, over all hosts. `account` is its name and its endpoint.
CREATE TABLE refusals (
    account TEXT    NOT NULL,
    job     INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    at      INTEGER NOT NULL,                            -- by the queue's clock
    code    TEXT    NOT NULL,
    PRIMARY KEY (account, job)
) STRICT;
