//! What is tried again and again is told once: when it begins to fail, when it fails otherwise, and
//! when it works again. A disk that is full would else fill whatever is left of it with log lines.

use std::error::Error;

/// The state of one thing that is tried again and again.
#[derive(Debug)]
pub struct Trouble {
    what: &'static str,
    told: String,
}

impl Trouble {
    /// `what` is tried again and again.
    pub fn new(what: &'static str) -> Self {
        Self { what, told: String::new() }
    }

    /// Takes the outcome of one try and gives its value, if there is one.
    pub fn hear<T, E: Error + 'static>(&mut self, outcome: Result<T, E>) -> Option<T> {
        let what = self.what;
        match outcome {
            Ok(value) => {
                if !self.told.is_empty() {
                    tracing::info!(what, "works again");
                    self.told.clear();
                }
                Some(value)
            }
            Err(error) => {
                let text = error.to_string();
                if text != self.told {
                    let error: &(dyn Error + 'static) = &error;
                    tracing::error!(what, error, "failed; it is tried again");
                    self.told = text;
                }
                None
            }
        }
    }
}
