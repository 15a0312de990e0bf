//! Refusals: what the rules say no to. Every refusal has a stable code, which pages translate and
//! programs match on, and may cite the article it follows.

/// A refusal of any room.
pub trait Refusal: std::error::Error {
    /// Stable code such as `subscription.plan_retired`: room, dot, what is wrong in snake case.
    fn code(&self) -> &'static str;

    /// The article of the ruleset, where one applies, such as `440311-2024 art. 22`.
    fn rule(&self) -> Option<String> {
        None
    }
}
