-- What whoever may approve a call is asked, and what came of it. Whoever changes a row from
-- `pending` first has decided, on whichever server.

CREATE TABLE approvals (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    call_id TEXT NOT NULL,
    -- What exactly would run, and by which revision.
    digest TEXT NOT NULL,
    revision TEXT NOT NULL,
    -- What is shown of it, as JSON text.
    shown TEXT NOT NULL,
    -- Roles that alone may approve it, as JSON text.
    approvers TEXT,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_by TEXT,
    decided_role TEXT,
    reason TEXT
);

CREATE INDEX approvals_by_session ON approvals (session_id);

CREATE INDEX approvals_by_turn ON approvals (turn_id);

CREATE INDEX pending_approvals ON approvals (created_at, id) WHERE status = 'pending';
