-- The queue, version 3: what was made of an attempt's pictures before they were sent; NULL where every file was sent as
-- it is.
ALTER TABLE attempts ADD COLUMN sent_as TEXT;
