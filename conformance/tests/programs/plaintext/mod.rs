//! The clients of the older systems, as they were, against the real programs. Each test names the line of their formats
//! that it is about.

mod habits;
mod line;
mod migration;
mod peers;
mod tracker;
