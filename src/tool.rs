//! Running a permitted call and returning its outcome.
