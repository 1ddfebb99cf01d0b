//! One thing wrong in a file: code, severity, place, message, help, fix.
