-- What gateways with one database tell each other of kept answers. `xid` is the transaction that told: whoever reads up to
-- the oldest one still open leaves none out. Times are nanoseconds since the Unix epoch, UTC.
CREATE TABLE model_answer_changes (
    xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    key BYTEA NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX model_answer_changes_by_xid ON model_answer_changes (xid);
CREATE INDEX model_answer_changes_by_time ON model_answer_changes (at);
