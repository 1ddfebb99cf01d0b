//! Driving one turn: a question in, an answer out, a row of events in between.
//!
//! [`turn`] is what comes next, as an enum of states and a pure step; [`context`] is what the model
//! sees; [`Turn::run`] does what the steps ask for. Nothing here knows where events are kept: that
//! is whoever implements [`Journal`].

mod id;

pub mod event;

pub mod audit;

pub mod view;

mod answer;

mod read_output;

pub mod turn;

pub mod context;

pub mod approve;

mod pause;

mod drive;

pub use approve::{Answer, ApprovalView, Approve, Decided};
pub use drive::{Cancel, Driven, Entry, Journal, Kept, Lost, Trail, Turn};
pub use event::{Event, Numbered};
pub use id::{ApprovalId, CallId, SessionId, TurnId};
pub use pause::Pause;
