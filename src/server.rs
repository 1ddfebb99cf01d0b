//! Routes, layers and serving.
