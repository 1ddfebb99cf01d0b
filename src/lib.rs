//! **tolkien**: an infrastructure agent that a team can review in a pull request.
//!
//! This page is the map. The modules below are declared in the order in which a call travels
//! through them, and a module uses only modules declared above it (a test holds this), so whoever
//! reads from the top never meets a word that was not introduced:
//!
//! * *what the operator wrote*: [`diagnostic`] says what is wrong in a file and where; [`tasks`]
//!   starts work that can be ended; [`pattern`] reads the rules' notation; [`config`] turns a
//!   folder into one checked [`config::Config`], or diagnostics;
//! * *what the model asked for*: [`call`] checks one call against its tool's input schema and
//!   renders it into the words it would run and the command line a person would read;
//! * *whether it may happen*: [`policy`] decides, purely and totally, and is the only maker of a
//!   [`policy::Permit`];
//! * *what may happen at all*: [`analysis`] takes a tool for the set of command lines that it lets
//!   through, and proves, compares and explains that set;
//! * *making it happen*: [`tool`] runs a permit and nothing else, and is the only module that
//!   starts processes;
//! * *talking to the model*: [`model`] speaks the Messages API, or plays a script;
//! * *what is in force*: [`reload`] holds a configuration, the machine's part and the model as one
//!   value, and puts the next revision in its place;
//! * *one turn*: [`agent`] drives a question to its answer, as a stream of events;
//! * *many turns, kept*: [`store`] appends and reads back events, [`session`] keeps a
//!   conversation with at most one running turn;
//! * *the wire and the doors*: [`api`] holds the shapes on the wire, [`server`] serves them,
//!   [`site`] lays out what may be done for people who would rather look than read, and [`cli`] is
//!   the command line, whose `serve` puts everything together.
//!
//! Decisions, limits and denials have one home each: nothing runs without a permit, nothing but
//! [`policy`] makes one, and every list of what is allowed is derived from the same function that
//! decides.

pub mod diagnostic;

pub mod tasks;

pub mod pattern;

pub mod config;

pub mod call;

pub mod policy;

pub mod analysis;

pub mod tool;

pub mod model;

pub mod reload;

pub mod agent;

pub mod store;

pub mod session;

pub mod api;

pub mod server;

pub mod site;

pub mod cli;
