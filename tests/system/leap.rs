//! What was written while the clock ran ahead is told in the status, with what it costs.

use support::{alter, federation::Federation, run_json, run_well};

#[test]
fn the_status_tells_of_acts_that_are_dated_ahead_of_the_clock() {
    let federation = Federation::found("");
    let data = &federation.ningbo.data;
    assert_eq!(run_json(data, &["status"])["clock_ahead"], serde_json::Value::Null);
    assert!(!run_well(data, &["status"]).contains("clock:"));
    let ahead = "UPDATE audit_rows SET at = at + 3600000 \
                 WHERE seq = (SELECT max(seq) FROM audit_rows)";
    alter(&data.join("node.sqlite"), ahead);
    let ahead_s = run_json(data, &["status"])["clock_ahead"]["ahead_s"].as_i64().expect("so many");
    assert!((3_000..=3_600).contains(&ahead_s), "{ahead_s}");
    let text = run_well(data, &["status"]);
    for words in ["clock: the newest act is dated", "half as fast", "five minutes ahead"] {
        assert!(text.contains(words), "{text}");
    }
}
