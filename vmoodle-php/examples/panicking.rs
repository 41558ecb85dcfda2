//! A PHP extension whose functions panic: what PHP makes of a defect of ours, shown without one (tests/php/panic.rs).
// `php_module` makes an entry point without a doc comment.
#![allow(missing_docs)]

use ext_php_rs::prelude::*;

struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

static DROPPED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// Panics while it holds a value; `$text` stands in the message.
#[php_function]
#[php(name = "Panicking\\now")]
pub fn panicking_now(text: &str) -> bool {
    let _held = Left;
    assert!(text.is_empty(), "on purpose: {text}");
    true
}

/// How many of the values held were dropped.
#[php_function]
#[php(name = "Panicking\\dropped")]
pub fn panicking_dropped() -> u32 {
    DROPPED.load(std::sync::atomic::Ordering::Relaxed)
}

/// The module.
#[php_module]
pub fn get_module(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module.name("panicking").function(wrap_function!(panicking_now)).function(wrap_function!(panicking_dropped))
}
