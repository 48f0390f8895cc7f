-- What the counters of quotas hold, by window. `leased`: what gateways may still spend without asking, the sum of
-- their leases' `open`. A grant keeps charged + adjusted + leased within the limit; no CHECK does, because debts, soft
-- limits and lowered limits may go beyond it. `digest` is SHA-256 of the account, which may be too long for an index.
CREATE TABLE balances (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    account TEXT COLLATE "C" NOT NULL,
    window_start BIGINT NOT NULL,
    window_end BIGINT NOT NULL,
    measure TEXT COLLATE "C" NOT NULL,
    charged BIGINT NOT NULL,
    adjusted BIGINT NOT NULL,
    leased BIGINT NOT NULL CHECK (leased >= 0),
    UNIQUE (digest, measure, window_start)
);
CREATE INDEX balances_by_end ON balances (window_end);

-- Gateways that share this database, and when each was last heard of, by the database's clock.
CREATE TABLE replicas (
    id TEXT COLLATE "C" PRIMARY KEY,
    seen TIMESTAMPTZ NOT NULL
);

-- What a gateway has spent in a window, as far as it has shipped it, and what it may spend beyond that. What a silent
-- gateway holds is presumed spent: it stays counted until the gateway ships, gives back, or is written off. `version`
-- counts grants and returns, so that a late one does nothing. The balance's row is locked before a lease's.
CREATE TABLE leases (
    balance BIGINT NOT NULL REFERENCES balances (id) ON DELETE CASCADE,
    replica TEXT COLLATE "C" NOT NULL,
    spent BIGINT NOT NULL,
    open BIGINT NOT NULL CHECK (open >= 0),
    version BIGINT NOT NULL,
    PRIMARY KEY (balance, replica)
);
CREATE INDEX leases_by_replica ON leases (replica);
