//! What the semantic cache adds to a request: a prompt's vector, a hit and a miss among 10,000 entries of one partition.
//!
//! `cargo bench --bench semantic`. Prints a Markdown table; with `TOLLGATE_ENCODER` set to a model folder also that
//! encoder's vectors. Deliberately not here: the exact tiers and the front door, which load tests measure.

#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::{hint::black_box, path::Path, time::Instant};

use tollgate::cache::semantic::{Embedder, Encoder, Index, Mode, builtin, normalise};

/// Entries of the partition; rounds, of which the median counts.
const ENTRIES: usize = 10_000;
const ROUNDS: usize = 301;

const VERBS: &[&str] = &["reset", "cancel", "renew", "change", "export", "print", "delete", "share", "sign", "archive"];
const THINGS: &[&str] =
    &["password", "order", "licence", "address", "invoice", "ticket", "contract", "report", "calendar", "photo album"];
const PLACES: &[&str] = &[
    "on my phone",
    "in the portal",
    "at the counter",
    "by post",
    "in the app",
    "for a friend",
    "on a Mac",
    "without a card",
    "in a hurry",
    "over the phone",
];
const PROMPT: &str = "Hello, how can I renew a contract in the app number 7?";
const STRANGER: &str = "Which planets of the solar system have more than two moons and no atmosphere?";

fn main() {
    let index = filled();
    let vector = |text| builtin().embed(text).expect("a vector of a short text");
    let (near, far) = (vector(PROMPT), vector(STRANGER));
    assert!(index.best(PROMPT, &near, Mode::Strict).is_some(), "the hit is a hit");
    assert!(index.best(STRANGER, &far, Mode::Balanced).is_none(), "the miss is a miss");
    println!("| what | median, us |\n| --- | --- |");
    row("normalised form", || normalise(PROMPT));
    row("vector of a prompt, builtin", || builtin().embed(PROMPT));
    row("hit among 10,000, strict", || index.best(PROMPT, &near, Mode::Strict));
    row("hit among 10,000, vector and all", || index.best(PROMPT, &vector(PROMPT), Mode::Strict));
    row("near miss among 10,000, balanced", || {
        index.best("How can I renew a contract in the app?", &near, Mode::Balanced)
    });
    row("miss among 10,000, vector and all", || index.best(STRANGER, &vector(STRANGER), Mode::Balanced));
    if let Some(folder) = std::env::var_os("TOLLGATE_ENCODER") {
        let encoder = Encoder::open(Path::new(&folder)).expect("a model folder");
        row("vector of a prompt, encoder", || encoder.embed(PROMPT));
    }
}

fn filled() -> Index {
    let mut index = Index::new(ENTRIES);
    let mut id = 0;
    for verb in VERBS {
        for thing in THINGS {
            for place in PLACES {
                for number in 0..ENTRIES / 1000 {
                    let text = format!("How do I {verb} a {thing} {place} number {number}?");
                    id += 1;
                    index.insert(id, &text, &builtin().embed(&text).expect("a vector of a short text"));
                }
            }
        }
    }
    index
}

fn row<T>(name: &str, mut run: impl FnMut() -> T) {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("| {name} | {:.1} |", times[ROUNDS / 2].as_secs_f64() * 1e6);
}
