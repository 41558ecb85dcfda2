//! Whole databases written out, read in, and poured from one server to another.
