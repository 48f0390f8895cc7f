//! The ledger of the real process: killed at any moment it loses no row, doubles none and makes up none.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    client::{Call, End},
    postgres::Server,
    vendor::{
        Gate, Reply, Vendor,
        counting::{Books, Counting, Line},
    },
    world::{BACKEND_KEY, KEY, PROMPT, binary::Binary},
};

/// How often the process is killed; `TOLLGATE_KILLS` says otherwise, for a long run.
const KILLS: u32 = 12;

/// Words before which a held stream stops coming.
const HELD_AT: usize = 5;

fn config(models: &str, plain: &str) -> String {
    format!(
        "backends:
  - {{ id: one, kind: openai, url: \"{models}/v1\", key: {BACKEND_KEY} }}
  - {{ id: svc, kind: http, url: \"{plain}\" }}
models: [{{ name: m, backend: one, upstream_model: up }}]
apis:
  - {{ id: models, kind: models, path: / }}
  - {{ id: orders, kind: http, path: /orders, backend: svc }}
products: [{{ id: all, limits: {{ tokens_per_year: 100M, requests_per_year: 100M }} }}]
subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]
"
    )
}

/// A counting vendor that never finishes what it is asked for by a prompt with `held` in it.
async fn vendor() -> (Vendor, Books) {
    let (books, counting) = (Books::default(), Counting::honest(1_000));
    let (kept, never) = (books.clone(), Gate::closed());
    let script = move |seen: &crate::vendor::Seen, _| {
        let reply = counting.reply(seen, &kept);
        match (seen.contains("-held"), seen.json()["stream"] == json!(true)) {
            (true, true) => reply.hold(HELD_AT, &never),
            (true, false) => reply.head_after(&never),
            (false, _) => reply,
        }
    };
    (Vendor::start(script).await, books)
}

/// One request of the load; its name is the caller's request id and part of the prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Streamed,
    Whole,
    Plain,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Streamed, Self::Whole, Self::Plain];

    fn call(self, name: &str, cap: u32) -> Call {
        let body = json!({
            "model": "m", "stream": self == Self::Streamed, "max_tokens": cap,
            "messages": [{"role": "user", "content": prompt(name)}],
        });
        let call = match self {
            Self::Plain => Call::get("/orders/1"),
            _ => Call::post("/v1/chat/completions", &body),
        };
        call.key(KEY).header("x-request-id", name)
    }
}

fn prompt(name: &str) -> String {
    format!("{PROMPT} {name}")
}

/// What a client saw of an answer.
#[derive(Clone, Copy, Debug)]
struct Saw {
    kind: Kind,
    is_whole: bool,
    words: u64,
}

type Seen = HashMap<String, Saw>;

async fn ask(gateway: SocketAddr, kind: Kind, name: String, cap: u32) -> Option<(String, Saw)> {
    // A process that is gone takes no connection: then there is nothing to send to.
    TcpStream::connect(gateway).await.ok()?;
    let call = kind.call(&name, cap);
    let answer = tokio::spawn(async move { call.send(gateway).await }).await.ok()?;
    let is_whole = answer.status == 200 && answer.end == End::Proper;
    let words = answer.text().matches(" word").count() as u64;
    Some((name, Saw { kind, is_whole, words }))
}

/// Sends requests until the process is gone.
async fn load(gateway: SocketAddr, round: u32, worker: u32) -> Seen {
    let mut seen = Seen::new();
    for nth in 0..400_u32 {
        let kind = Kind::ALL[(nth + worker) as usize % Kind::ALL.len()];
        let Some((name, saw)) = ask(gateway, kind, format!("kill-{round}-{worker}-{nth}"), 16 + nth % 25).await else {
            break;
        };
        seen.insert(name, saw);
        if !saw.is_whole {
            break;
        }
    }
    seen
}

/// Sends a request that is still open when the process is killed.
async fn held(gateway: SocketAddr, round: u32, kind: Kind) -> Seen {
    ask(gateway, kind, format!("kill-{round}-held-{kind:?}"), 40).await.into_iter().collect()
}

/// Load until the process is killed after `moment`; what the clients saw.
async fn round(binary: &mut Binary, round: u32, moment: Duration) -> Seen {
    let (gateway, mut workers) = (binary.gateway, JoinSet::new());
    for worker in 0..4 {
        workers.spawn(load(gateway, round, worker));
    }
    for kind in [Kind::Streamed, Kind::Whole] {
        workers.spawn(held(gateway, round, kind));
    }
    tokio::time::sleep(moment).await;
    binary.signal(Signal::KILL);
    binary.ended(Duration::from_secs(30)).await;
    workers.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_moment_loses_no_row_and_doubles_none() {
    killed_at_any_moment("").await;
}

/// What it had leased stays counted as its own, and is taken over by the next process of the same folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_moment_loses_no_row_of_postgres_and_doubles_none() {
    killed_at_any_moment(&format!("  database: {}\n", Server::shared().database())).await;
}

async fn killed_at_any_moment(server: &str) {
    let kills = std::env::var("TOLLGATE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let (vendor, books) = vendor().await;
    let plain = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let mut binary = Binary::start(&config(&vendor.url(), &plain.url()), server).await;
    let (mut seen, mut longest) = (Seen::new(), Duration::ZERO);
    for nth in 0..kills {
        let moment = Duration::from_millis(rand::random_range(5..350));
        seen.extend(round(&mut binary, nth, moment).await);
        let took = binary.restart().await;
        longest = longest.max(took);
        eprintln!("round {nth}: killed after {moment:?}, ready again after {took:?}");
    }
    eprintln!("{kills} kills, {} requests; ready again after {longest:?} at most", seen.len());
    let ledger = Ledger::read(&binary);
    ledger.assert_answers(&seen, &books);
    ledger.assert_sums(&binary);
    ledger.assert_interrupted(&seen);
}

/// All rows, by the caller's request id.
struct Ledger(BTreeMap<String, Value>);

impl Ledger {
    fn read(binary: &Binary) -> Self {
        let text = binary.command("usage rows --from 2020-01-01 --to 2100-01-01 -o json");
        let mut rows = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let row: Value = serde_json::from_str(line).expect(line);
            let Some(name) = row["client_request_id"].as_str().filter(|name| name.starts_with("kill-")) else {
                continue;
            };
            let other = rows.insert(name.to_owned(), row.clone());
            assert_eq!(other, None, "two rows of one request: {row}");
        }
        Self(rows)
    }

    fn row(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("{name} has no row"))
    }

    /// Whoever saw a whole answer is in the ledger with what the vendor wrote down; whatever the vendor answered is
    /// in the ledger.
    fn assert_answers(&self, seen: &Seen, books: &Books) {
        let vendors = books.by_prompt();
        let whole: Vec<_> = seen.iter().filter(|(_, saw)| saw.is_whole).collect();
        assert!(Kind::ALL.iter().all(|kind| whole.iter().any(|(_, saw)| saw.kind == *kind)), "all kinds were answered");
        for (name, saw) in whole {
            let row = self.row(name);
            assert_eq!((&row["outcome"], &row["status"]), (&json!("complete"), &json!(200)), "{row}");
            let used = Line { prompt: tokens(row, "input_tokens"), words: tokens(row, "output_tokens") };
            let none = vec![Line { prompt: 0, words: 0 }];
            let wanted = if saw.kind == Kind::Plain { &none } else { &vendors[&prompt(name)] };
            assert_eq!(wanted, &[used], "{row}");
        }
        for asked in vendors.keys() {
            self.row(asked.trim_start_matches(PROMPT).trim_start());
        }
    }

    /// Who was cut off is charged no less than was delivered, and no more than was held: the largest cap of the load,
    /// or what a stream of it was topped up to while the tables were loading (four bytes a token, five bytes a word).
    fn assert_interrupted(&self, seen: &Seen) {
        const MOST: u64 = 40;
        let is_held = |name: &str| name.contains("-held-");
        let cut: Vec<_> = seen.iter().filter(|(_, saw)| !saw.is_whole && saw.kind != Kind::Plain).collect();
        let rows = cut.iter().filter_map(|(name, saw)| Some((self.0.get(*name)?, saw)));
        for (row, saw) in rows {
            let output = tokens(row, "output_tokens");
            assert!((saw.words..=MOST).contains(&output), "{output} of {} words delivered: {row}", saw.words);
        }
        // A lease that did not come in time is a refusal, and nothing was sent.
        let held: Vec<_> = self.0.iter().filter(|(name, row)| is_held(name) && row["status"] != 503).collect();
        let abandoned = held.iter().filter(|(_, row)| row["outcome"] == "abandoned").count();
        assert_eq!(abandoned, held.len(), "held requests end as abandoned: {held:?}");
        assert!(abandoned > 0, "some were open when the process was killed");
    }

    fn assert_sums(&self, binary: &Binary) {
        let counters: Value = serde_json::from_str(&binary.command("quotas list -o json")).expect("counters");
        let used: u64 = self.0.values().map(|row| tokens(row, "total_tokens")).sum();
        for counter in counters.as_array().expect("a list") {
            assert_eq!((&counter["reserved"], &counter["open"]), (&json!(0), &json!(0)), "{counter}");
            if counter["measure"] == "tokens" {
                assert_eq!(counter["used"], json!(used), "{counter}");
            }
        }
        // A command that does not end well fails the test.
        let verdict: Value = serde_json::from_str(&binary.command("ledger verify -o json")).expect("a verdict");
        assert_eq!(verdict["sound"], json!(true), "{verdict}");
    }
}

fn tokens(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or_else(|| panic!("{name} of {row}"))
}
