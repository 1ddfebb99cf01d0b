//! Driving one turn.
