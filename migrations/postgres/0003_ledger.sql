-- The ledger: usage rows, what they add up to, and the chain that shows that none was changed or removed.
-- Times are nanoseconds since the Unix epoch, UTC; durations nanoseconds; money 10^-9 of the currency's unit.
-- Values below zero that cannot be, and sums beyond 64 bits, do not occur: writers clamp.

-- Who used what through where: each combination once, found by `digest` (SHA-256), as its texts together may be too
-- long for an index. Empty text: without that value. Who adds one locks the table until it commits: numbers become
-- visible in their order, so that a reader who knows one knows all before it.
CREATE TABLE series (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    subscription TEXT COLLATE "C" NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    "user" TEXT COLLATE "C" NOT NULL,
    api TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    workspace TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    upstream_model TEXT COLLATE "C" NOT NULL,
    backend TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL
);

-- One chain of rows per replica and sealing key. `head` is the code of the last row, `totals` the sums of all rows
-- ever (JSON), `seal` the code of this row of `chains`. `position`: up to where the replica's journal is in here.
CREATE TABLE chains (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    replica TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    length BIGINT NOT NULL,
    head BYTEA NOT NULL CHECK (length(head) = 32),
    totals TEXT NOT NULL,
    seal BYTEA NOT NULL,
    UNIQUE (replica, key_id)
);

-- What stands for the rows that pruning has removed: as `chains` was when its length was `link`. Rows that began
-- before `before` were removed.
CREATE TABLE checkpoints (
    chain BIGINT NOT NULL,
    link BIGINT NOT NULL,
    head BYTEA NOT NULL CHECK (length(head) = 32),
    totals TEXT NOT NULL,
    seal BYTEA NOT NULL,
    before BIGINT NOT NULL,
    PRIMARY KEY (chain, link)
);

-- One settled request each. `link` counts the rows of a chain, from 1; `code` is the first half of
-- HMAC-SHA-256(code before it, row). A bucket of tokens is NULL when nobody said anything about it, `cost_nanos`
-- when there is no price. `charges` lists balances and amounts, `metadata` is a JSON object.
CREATE TABLE usage_rows (
    chain BIGINT NOT NULL,
    link BIGINT NOT NULL,
    code BYTEA NOT NULL CHECK (length(code) = 16),
    request_id BYTEA NOT NULL CHECK (length(request_id) = 16),
    time BIGINT NOT NULL,
    series BIGINT NOT NULL,
    client_request_id TEXT COLLATE "C",
    end_user TEXT COLLATE "C",
    metadata TEXT,
    outcome TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    error TEXT,
    asked_model TEXT,
    asked_stream BIGINT NOT NULL,
    streamed BIGINT NOT NULL,
    cache TEXT,
    certainty TEXT NOT NULL,
    estimated_input BIGINT NOT NULL,
    input_tokens BIGINT,
    cached_input_tokens BIGINT,
    cache_write_tokens BIGINT,
    audio_input_tokens BIGINT,
    image_input_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    audio_output_tokens BIGINT,
    cost_nanos BIGINT,
    price_version TEXT,
    saved_tokens BIGINT NOT NULL,
    saved_nanos BIGINT NOT NULL,
    ttft_nanos BIGINT,
    duration_nanos BIGINT NOT NULL,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    charges TEXT,
    PRIMARY KEY (chain, link)
);
CREATE UNIQUE INDEX usage_rows_by_request ON usage_rows (request_id);
CREATE INDEX usage_rows_by_time ON usage_rows (time, chain, link);
CREATE INDEX usage_rows_by_series ON usage_rows (series, time);
-- By hash: callers choose its length, and it is only ever looked up whole.
CREATE INDEX usage_rows_by_client_request ON usage_rows USING hash (client_request_id);

-- The tries of a row at backends, in order.
CREATE TABLE attempts (
    chain BIGINT NOT NULL,
    link BIGINT NOT NULL,
    k BIGINT NOT NULL,
    backend TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    fault TEXT,
    began BIGINT NOT NULL,
    took BIGINT NOT NULL,
    PRIMARY KEY (chain, link, k)
);

-- Sums per hour and day. A page holds 128 series of one replica.
CREATE TABLE rollups (
    span TEXT COLLATE "C" NOT NULL CHECK (span IN ('hour', 'day')),
    start BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    chain BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (span, start, shard, chain)
);

-- Requests that were announced and have not ended, so that older parts of the journal can go.
CREATE TABLE ledger_open (
    replica TEXT COLLATE "C" NOT NULL,
    request_id BYTEA NOT NULL,
    state BYTEA NOT NULL,
    PRIMARY KEY (replica, request_id)
);

-- Who changed what, and why. Only grows.
CREATE TABLE audit (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    was TEXT,
    became TEXT,
    reason TEXT
);
CREATE INDEX audit_by_object ON audit (object, number);

-- Alerts of budgets and quotas, once per threshold, counter and window, and how their delivery goes.
CREATE TABLE alert_deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    window_start BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    payload TEXT NOT NULL,
    created BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    delivered BIGINT,
    next_try BIGINT,
    last_result TEXT,
    UNIQUE (account, window_start, percent)
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_try) WHERE next_try IS NOT NULL;
