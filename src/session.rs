//! A conversation: its transcript and at most one running turn.
