//! Reading `/metrics`.

use std::net::SocketAddr;

use crate::client::Call;

/// A scrape.
pub struct Metrics(pub String);

impl Metrics {
    /// Scrapes the console port.
    pub async fn read(console: SocketAddr) -> Self {
        Self(Call::get("/metrics").send(console).await.expect_whole(200).text())
    }

    /// Sum of all samples of that name whose labels contain every given `name="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> u64 {
        let samples = self.0.lines().filter_map(|line| line.rsplit_once(' '));
        let wanted = samples.filter(|(series, _)| {
            let bare = series.split('{').next().unwrap_or_default();
            bare == name && labels.iter().all(|label| series.contains(label))
        });
        wanted.map(|(_, value)| value.parse::<u64>().expect("a whole number")).sum()
    }
}
