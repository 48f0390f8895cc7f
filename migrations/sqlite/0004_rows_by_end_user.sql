-- The request log of one end user: found by this in place of reading every row of its period. Rows without an end user
-- are not in it and cost nothing.
CREATE INDEX usage_rows_by_end_user ON usage_rows (end_user, time) WHERE end_user IS NOT NULL;
