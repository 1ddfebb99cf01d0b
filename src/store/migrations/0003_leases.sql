-- Who drives a running turn. A replica lives while its row says so; a turn whose holder does not
-- may be taken over, and whoever takes it raises its fence, below which nothing is appended.

CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    alive_until BIGINT NOT NULL
);

ALTER TABLE turns ADD COLUMN holder TEXT;

ALTER TABLE turns ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;

-- Why the turn is to end early, when another replica than its holder was asked.
ALTER TABLE turns ADD COLUMN cancel TEXT;

CREATE INDEX running_turns ON turns (holder) WHERE ended = 0;
