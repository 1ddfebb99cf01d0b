//! One call the model asked for, checked and rendered.
