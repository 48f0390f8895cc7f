-- Times are nanoseconds since the Unix epoch, UTC. No key, token or link is stored in clear: hashes are SHA-256.

-- Moves with every change of objects or keys: other processes poll it.
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO state (one, revision) VALUES (1, 1);

-- `version` is the revision that wrote the row, so that it never repeats, not even after delete and create.
CREATE TABLE objects (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),
    body BLOB NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription_keys (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    subscription TEXT NOT NULL,
    slot TEXT NOT NULL CHECK (slot IN ('primary', 'secondary')),
    created INTEGER NOT NULL,
    UNIQUE (subscription, slot)
) STRICT, WITHOUT ROWID;

-- Apart from `objects`, because subscriptions of the configuration file are used too.
CREATE TABLE subscription_use (
    subscription TEXT PRIMARY KEY,
    last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who created a stored object of a provider (response, file, batch), and where it is.
CREATE TABLE owners (
    object TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subscription TEXT NOT NULL,
    backend TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX owners_by_subscription ON owners (subscription, kind, object);

CREATE TABLE sign_in_links (
    hash BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE admin_tokens (
    name TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
