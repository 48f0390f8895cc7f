-- Times are nanoseconds since the Unix epoch, UTC. No key, token or link is stored in clear: hashes are SHA-256.
-- Texts that are compared or sorted are in byte order (COLLATE "C"), as everywhere else in Tollgate.

-- Moves with every change of objects or keys: other processes poll it. Its row lock makes commits queue.
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL
);
INSERT INTO state (one, revision) VALUES (1, 1);

-- `version` is the revision that wrote the row, so that it never repeats, not even after delete and create.
CREATE TABLE objects (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    sealed BOOLEAN NOT NULL,
    body BYTEA NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE subscription_keys (
    hash BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    subscription TEXT COLLATE "C" NOT NULL,
    slot TEXT COLLATE "C" NOT NULL CHECK (slot IN ('primary', 'secondary')),
    created BIGINT NOT NULL,
    UNIQUE (subscription, slot)
);

-- Apart from `objects`, because subscriptions of the configuration file are used too.
CREATE TABLE subscription_use (
    subscription TEXT COLLATE "C" PRIMARY KEY,
    last_used BIGINT NOT NULL
);

-- Who created a stored object of a provider (response, file, batch), and where it is.
CREATE TABLE owners (
    object TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    subscription TEXT COLLATE "C" NOT NULL,
    backend TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX owners_by_subscription ON owners (subscription, kind, object);

CREATE TABLE sign_in_links (
    hash BYTEA PRIMARY KEY,
    expires BIGINT NOT NULL
);

CREATE TABLE admin_tokens (
    name TEXT COLLATE "C" PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    created BIGINT NOT NULL
);

CREATE TABLE sessions (
    hash BYTEA PRIMARY KEY,
    expires BIGINT NOT NULL
);
