-- The ledger: usage rows, what they add up to, and the chain that shows that none was changed or removed.
-- Times are nanoseconds since the Unix epoch, UTC; durations nanoseconds; money 10^-9 of the currency's unit.
-- Values below zero that cannot be, and sums beyond 64 bits, do not occur: writers clamp.

-- Who used what through where: each combination once. Empty text: without that value.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    product TEXT NOT NULL,
    "user" TEXT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    workspace TEXT NOT NULL,
    model TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    backend TEXT NOT NULL,
    currency TEXT NOT NULL,
    UNIQUE (subscription, product, "user", api, operation, workspace, model, upstream_model, backend, currency)
) STRICT;

-- One chain of rows per replica and sealing key. `head` is the code of the last row, `totals` the sums of all rows
-- ever (JSON), `seal` the code of this row of `chains`. `position`: up to where the replica's journal is in here.
CREATE TABLE chains (
    id INTEGER PRIMARY KEY,
    replica TEXT NOT NULL,
    key_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    length INTEGER NOT NULL,
    head BLOB NOT NULL CHECK (length(head) = 32),
    totals TEXT NOT NULL,
    seal BLOB NOT NULL,
    UNIQUE (replica, key_id)
) STRICT;

-- What stands for the rows that pruning has removed: as `chains` was when its length was `link`.
CREATE TABLE checkpoints (
    chain INTEGER NOT NULL,
    link INTEGER NOT NULL,
    head BLOB NOT NULL CHECK (length(head) = 32),
    totals TEXT NOT NULL,
    seal BLOB NOT NULL,
    -- Rows that began before this were removed.
    before INTEGER NOT NULL,
    PRIMARY KEY (chain, link)
) STRICT, WITHOUT ROWID;

-- One settled request each. `link` counts the rows of a chain, from 1; `code` is the first half of
-- HMAC-SHA-256(code before it, row). A bucket of tokens is NULL when nobody said anything about it, `cost_nanos`
-- when there is no price. `charges` lists balances and amounts, `metadata` is a JSON object.
CREATE TABLE usage_rows (
    chain INTEGER NOT NULL,
    link INTEGER NOT NULL,
    code BLOB NOT NULL CHECK (length(code) = 16),
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    time INTEGER NOT NULL,
    series INTEGER NOT NULL,
    client_request_id TEXT,
    end_user TEXT,
    metadata TEXT,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    error TEXT,
    asked_model TEXT,
    asked_stream INTEGER NOT NULL,
    streamed INTEGER NOT NULL,
    cache TEXT,
    certainty TEXT NOT NULL,
    estimated_input INTEGER NOT NULL,
    input_tokens INTEGER,
    cached_input_tokens INTEGER,
    cache_write_tokens INTEGER,
    audio_input_tokens INTEGER,
    image_input_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    audio_output_tokens INTEGER,
    cost_nanos INTEGER,
    price_version TEXT,
    saved_tokens INTEGER NOT NULL,
    saved_nanos INTEGER NOT NULL,
    ttft_nanos INTEGER,
    duration_nanos INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    charges TEXT,
    PRIMARY KEY (chain, link)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX usage_rows_by_request ON usage_rows (request_id);
-- By time alone, so that rows are added at one end; an index that begins with the series is written everywhere at
-- once and doubles the cost of a row.
CREATE INDEX usage_rows_by_time ON usage_rows (time, chain, link, series);
CREATE INDEX usage_rows_by_client_request ON usage_rows (client_request_id) WHERE client_request_id IS NOT NULL;

-- The tries of a row at backends, in order.
CREATE TABLE attempts (
    chain INTEGER NOT NULL,
    link INTEGER NOT NULL,
    k INTEGER NOT NULL,
    backend TEXT NOT NULL,
    status INTEGER,
    fault TEXT,
    began INTEGER NOT NULL,
    took INTEGER NOT NULL,
    PRIMARY KEY (chain, link, k)
) STRICT, WITHOUT ROWID;

-- What the counters of quotas hold, by window.
CREATE TABLE balances (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    measure TEXT NOT NULL,
    charged INTEGER NOT NULL,
    adjusted INTEGER NOT NULL,
    UNIQUE (account, measure, window_start)
) STRICT;
CREATE INDEX balances_by_end ON balances (window_end);

-- Sums per hour and day. A page holds 128 series of one replica; docs/decisions says why they are not columns.
CREATE TABLE rollups (
    span TEXT NOT NULL CHECK (span IN ('hour', 'day')),
    start INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (span, start, shard, chain)
) STRICT;

-- Requests that were announced and have not ended, so that older parts of the journal can go.
CREATE TABLE ledger_open (
    replica TEXT NOT NULL,
    request_id BLOB NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (replica, request_id)
) STRICT, WITHOUT ROWID;

-- Who changed what, and why. Only grows.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    was TEXT,
    became TEXT,
    reason TEXT
) STRICT;
CREATE INDEX audit_by_object ON audit (object, number);

-- Alerts of budgets and quotas, once per threshold, counter and window, and how their delivery goes.
CREATE TABLE alert_deliveries (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    payload TEXT NOT NULL,
    created INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    delivered INTEGER,
    next_try INTEGER,
    last_result TEXT,
    UNIQUE (account, window_start, percent)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_try) WHERE next_try IS NOT NULL;
