//! Keeping events and reading them back.
