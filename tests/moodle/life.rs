//! A tenant's whole life in a real Moodle, from the command line: made by the file, copied, kept, put back, renamed, thrown
//! away and brought back; and nothing of it is seen by another tenant or by whoever looks at the machine.

mod copies;
mod isolation;
mod leaving;
mod many;
mod passwords;
mod secrets;
mod stage;
mod watch;
