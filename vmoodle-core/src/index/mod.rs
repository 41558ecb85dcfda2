//! The immutable compiled copy of the registry on disk, read by every request.
//!
//! [`compile()`] makes it, [`publish()`] puts it in place, a [`Reader`] serves from it.

mod compile;
mod format;
mod map;
mod publish;
mod reader;
#[cfg(test)]
mod tests;

pub use compile::{Compiled, compile};
pub use format::Fault;
pub use publish::{Status, StatusState, previous_path, publish, read_components, status};
pub use reader::{ComponentsRef, Found, Index, Reader, Record, SettingList, SettingMap, SettingRef};
