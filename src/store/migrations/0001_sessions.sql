-- Sessions, their turns, and what happened in them. Times are microseconds since 1970, JSON is
-- text (so that it comes back to the byte), truth is 0 or 1: the same on every engine.

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revision TEXT NOT NULL,
    metadata TEXT,
    -- How many turns it has had, and the first that the model still sees beside the first of all.
    turns BIGINT NOT NULL,
    kept_from BIGINT NOT NULL,
    -- The frozen prefix: what it was rendered for, the system prompt, the tools.
    frozen_for TEXT,
    system TEXT,
    tools TEXT
);

CREATE INDEX sessions_by_owner ON sessions (owner, created_at, id);

CREATE INDEX sessions_by_age ON sessions (created_at, id);

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE turns (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    -- From 1, without gaps.
    position BIGINT NOT NULL,
    last_event BIGINT NOT NULL,
    ended BIGINT NOT NULL
);

CREATE UNIQUE INDEX turns_by_session ON turns (session_id, position);

-- One turn runs in a session at a time.
CREATE UNIQUE INDEX running_turn ON turns (session_id) WHERE ended = 0;

CREATE TABLE events (
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    -- From 1, without gaps.
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (turn_id, number)
);

-- Whole outputs, for `read_output`.
CREATE TABLE outputs (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    call_id TEXT NOT NULL,
    output TEXT NOT NULL,
    PRIMARY KEY (session_id, call_id)
);

-- What a client asked for under a name of its own: a session (the scope is a caller), or a turn
-- (the scope is a session).
CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    turn_id TEXT,
    PRIMARY KEY (scope, name)
);

CREATE INDEX idempotency_keys_by_session ON idempotency_keys (session_id);
