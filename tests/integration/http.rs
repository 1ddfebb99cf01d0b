//! The HTTP API through a real socket: a real server, real sessions and real commands, and only the
//! model's server is faked.

mod approvals;

mod auth;

mod contract;

mod end;

mod events;

mod messages;

mod pausing;

mod requests;

mod sessions;

mod world;
