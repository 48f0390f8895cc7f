-- Answers of models that are kept, sealed: prompt and answer are in no table in clear. Times are nanoseconds since the
-- Unix epoch, UTC.
CREATE TABLE model_answers (
    key BYTEA PRIMARY KEY,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE INDEX model_answers_by_expiry ON model_answers (expires);
