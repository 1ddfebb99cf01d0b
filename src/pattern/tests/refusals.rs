//! Every refusal, with its place, its help and its fix.
