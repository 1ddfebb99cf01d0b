//! Starting background work so that the process can end it.
