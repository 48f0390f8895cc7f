//! Medians over rounds, as a Markdown table, also into README.md.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use crate::{AnyError, scenario::Figures};

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";
const REFERENCE: &str = "nginx";

/// All figures of a run.
#[derive(Default)]
pub struct Report(BTreeMap<&'static str, BTreeMap<&'static str, Vec<Figures>>>);

impl Report {
    /// Adds one run's figures.
    pub fn add(&mut self, scenario: &'static str, target: &'static str, figures: Figures) {
        self.0.entry(scenario).or_default().entry(target).or_default().push(figures);
    }

    /// One table of all scenarios.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| load | target | answers/s | CPU us | CPU / nginx | p50 us | p99 us | added p50 / p99 us | memory MiB | failed |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for (scenario, targets) in &self.0 {
            for (label, rounds) in targets {
                self.line(&mut text, scenario, label, rounds);
            }
        }
        text
    }

    fn line(&self, text: &mut String, scenario: &str, label: &str, rounds: &[Figures]) {
        let of = |pick: fn(&Figures) -> f64| median(rounds.iter().map(pick));
        let cpu = median_of(rounds, |figures| figures.cpu);
        let reference = self.other(scenario, REFERENCE).and_then(|rounds| median_of(rounds, |figures| figures.cpu));
        let ratio = cpu.zip(reference).map(|(cpu, reference)| format!("{:.2}", cpu / reference)).unwrap_or_default();
        let added = self.other(scenario, "direct").map(|direct| {
            let less = |pick: fn(&Figures) -> f64| of(pick) - median(direct.iter().map(pick));
            format!("{:.0} / {:.0}", less(|figures| figures.p50), less(|figures| figures.p99))
        });
        let failed: u64 = rounds.iter().map(|figures| figures.failed).sum();
        let memory = median_of(rounds, |figures| figures.memory).map(|kib| format!("{:.1}", kib / 1024.0));
        writeln!(
            text,
            "| {scenario} | {label} | {:.0} | {} | {ratio} | {:.0} | {:.0} | {} | {} | {failed} |",
            of(|figures| figures.per_second),
            cpu.map(|cpu| format!("{cpu:.1}")).unwrap_or_default(),
            of(|figures| figures.p50),
            of(|figures| figures.p99),
            added.unwrap_or_default(),
            memory.unwrap_or_default(),
        )
        .expect("writing to a string");
    }

    fn other(&self, scenario: &str, label: &str) -> Option<&Vec<Figures>> {
        self.0.get(scenario)?.get(label)
    }
}

fn median_of(rounds: &[Figures], pick: fn(&Figures) -> Option<f64>) -> Option<f64> {
    let all: Vec<f64> = rounds.iter().filter_map(pick).collect();
    (!all.is_empty()).then(|| median(all.into_iter()))
}

fn median(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

/// Puts the table between the markers of README.md.
pub fn write_to_readme(table: &str) -> Result<(), AnyError> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = fs::read_to_string(path)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no begin marker")?;
    let (_, after) = rest.split_once(END).ok_or("README.md has no end marker")?;
    fs::write(path, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}
