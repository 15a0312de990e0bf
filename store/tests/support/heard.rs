//! What a database is asked: the statements of every connection that was opened after [`listen`].
//! Each is judged by its plan when it is first heard ([`plan`]), and fails the test that asks it.

use std::cell::RefCell;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use super::plan;

thread_local! {
    /// A statement is run by the thread that asks for it.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

#[expect(clippy::unnecessary_wraps, reason = "the driver asks for a function of this type")]
fn ear() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let asked = query.to_string();
            plan::judge(&asked);
            HEARD.with_borrow_mut(|heard| {
                if let Some(heard) = heard {
                    heard.push(asked);
                }
            });
        }
    }))
}

/// From now on connections can be heard.
pub fn listen() {
    set_default_instrumentation(ear).expect("nothing panicked in it");
}

/// What is asked while something is done, with the values.
pub fn heard<T>(act: impl FnOnce() -> T) -> (T, Vec<String>) {
    HEARD.set(Some(Vec::new()));
    let done = act();
    (done, HEARD.take().unwrap_or_default())
}
