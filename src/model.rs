//! The interface to a model and its two implementations.
