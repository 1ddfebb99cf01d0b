-- How many sessions a caller holds is counted before each new one, from the index alone.

CREATE INDEX sessions_by_owner_and_expiry ON sessions (owner, expires_at);
