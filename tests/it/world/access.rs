//! Reading the access log that the gateway wrote.

use std::{path::Path, time::Duration};

use serde_json::Value;

/// The lines of the log once there are at least `count`; fails the test after 60 s.
pub async fn lines(path: &Path, count: usize) -> Vec<Value> {
    for _ in 0..6_000 {
        let lines = now(path);
        if lines.len() >= count {
            return lines;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} of {count} access lines after 60 s: {:?}", now(path).len(), now(path));
}

/// The whole lines written so far.
pub fn now(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}
