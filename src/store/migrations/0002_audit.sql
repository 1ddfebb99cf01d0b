-- The audit trail: a chain of records for each writer. It outlives the sessions that it speaks of.

CREATE TABLE audit (
    writer TEXT NOT NULL,
    -- From 1, without gaps.
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    session_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    caller TEXT NOT NULL,
    -- Of decisions.
    verdict TEXT,
    -- The record, as JSON text, and its SHA-256, which the next record holds.
    json TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (writer, number)
);

CREATE INDEX audit_by_time ON audit (at, writer, number);

CREATE INDEX audit_by_session ON audit (session_id, at);
