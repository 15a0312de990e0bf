//! Measurements against named baselines.

fn main() {}
