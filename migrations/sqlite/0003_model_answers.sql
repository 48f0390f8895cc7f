-- Answers of models that are kept, sealed: prompt and answer are in no table in clear. Times are nanoseconds since the
-- Unix epoch, UTC.
CREATE TABLE model_answers (
    key BLOB PRIMARY KEY,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX model_answers_by_expiry ON model_answers (expires);
