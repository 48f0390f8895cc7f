-- The request log of one end user: found by this in place of reading every row of its period. Rows without an end user
-- are not in it. By the name's beginning: callers choose its length, and an entry has room for a third of a page.
CREATE INDEX usage_rows_by_end_user ON usage_rows (left(end_user, 64), time) WHERE end_user IS NOT NULL;
