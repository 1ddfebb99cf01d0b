-- Times in which no call of a tool starts, on any server. At most one is not over.

CREATE TABLE pauses (
    id TEXT NOT NULL PRIMARY KEY,
    stopped_by TEXT NOT NULL,
    reason TEXT,
    since BIGINT NOT NULL,
    started_by TEXT,
    -- Absent while it lasts.
    until BIGINT
);

CREATE INDEX lasting_pauses ON pauses (since) WHERE until IS NULL;
