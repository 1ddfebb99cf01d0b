//! The wire: request, response and event types.
