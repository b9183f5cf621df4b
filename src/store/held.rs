//! Catches the panics of the index's engine, which panics where it can't go on: when it closes files on a disk that fails,
//! or opens files with damage that it does not look for. Here that is an error like any other, or a warning in the log.

use std::{
    any::Any,
    cell::Cell,
    ops::Deref,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether panics of this thread are caught now.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the message and the backtrace of a caught panic from being printed. To be called before the first is caught.
fn say_nothing_of_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                others(info);
            }
        }));
    });
}

/// The message of a panic.
fn words(panicked: &(dyn Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let before = CAUGHT.replace(true);
    // Whatever `run` was changing when it panicked is not used again.
    let done = panic::catch_unwind(AssertUnwindSafe(run));
    CAUGHT.set(before);
    done.map_err(|panicked| words(&*panicked))
}

/// Runs what may panic.
///
/// # Errors
/// The message of the panic.
pub(super) fn caught<T>(make: impl FnOnce() -> T) -> Result<T, String> {
    say_nothing_of_caught();
    catch(make)
}

/// A value whose drop may panic. The panic is caught and logged.
pub(super) struct Held<T>(Option<T>);

impl<T> Held<T> {
    pub fn new(value: T) -> Self {
        say_nothing_of_caught();
        Self(Some(value))
    }
}

impl<T> Deref for Held<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is taken out when this is dropped"))
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if let Err(why) = catch(|| drop(value)) {
            tracing::warn!(why, "the index was not closed; it is looked at, or made anew, at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bad;

    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("no space left");
        }
    }

    #[test]
    fn what_panics_while_it_is_made_or_dropped_is_told_in_words() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught::<()>(|| panic!("{} is bad", 7)), Err("7 is bad".into()));
        assert_eq!(caught::<()>(|| panic!("bad")), Err("bad".into()));
        drop(Held::new(Bad));
        assert!(!CAUGHT.get());
    }
}
