//! Driving one turn: a question in, an answer out, a row of events in between.

mod id;

pub mod event;

pub mod view;

pub use event::{Event, Numbered};
pub use id::{CallId, SessionId, TurnId};
