//! One kind of request, over and over: a model call of a team whose subscription, product, user and rate are limited.
//!
//! The four scopes are shared by all threads, as those of one busy subscription are.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tollgate::{
    exchange::{Charge, Entry, Intent, Outcome, Settle},
    journal::Journal,
    limits::{Ask, Counted, Limits, Output, Period, Prompt, Rates, Rule, Scope, Used, Window},
    model::Timestamp,
    usage::codec,
};
use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

use crate::AnyError;

/// Tokens of each request.
const INPUT: u64 = 900;
const OUTPUT: u64 = 250;

/// What one thread sends.
pub struct Requests {
    thread: u32,
    at: Timestamp,
    scopes: [Scope; 4],
}

impl Requests {
    /// Requests of thread `thread`, at `at`.
    pub fn new(thread: u32, at: Timestamp) -> Self {
        let month = || Window::Calendar { period: Period::Month, zone: TimeZone::UTC };
        let minute = Window::Rolling(Duration::from_secs(60));
        let plenty = i64::MAX / 4;
        let scope = |id: &str, counted, window| Scope::new(Arc::new(Rule::new(id, counted, window, plenty)), "team-a");
        let scopes = [
            scope("subscription:team-a/tokens_per_month", Counted::Tokens, month()),
            scope("product:team/requests_per_month", Counted::Requests, month()),
            scope("user:ada/tokens_per_month", Counted::Tokens, month()),
            scope("product:team/tokens_per_minute", Counted::Tokens, minute),
        ];
        Self { thread, at, scopes }
    }

    /// Reserves, announces, settles and closes; the announcement's place in the journal.
    pub fn run(&self, round: u32, limits: &Limits, journal: &Journal) -> Result<u64, AnyError> {
        let refused = |refusal: Box<tollgate::limits::Refusal>| format!("refused: {:?}", refusal.kind);
        let reservation = limits.reserve(&self.ask()).map_err(refused)?;
        let id = Uuid::from_u64_pair(u64::from(self.thread), u64::from(round));
        let slot = journal.append_opening(&codec::encode(&Entry::Intent(self.intent(id, reservation.charges()))))?;
        let sequence = slot.sequence();
        let settled = reservation.settle(&Used { requests: 1, input: INPUT, output: OUTPUT, bytes: 5_000, nanos: 0 });
        slot.close(codec::encode(&Entry::Settle(settle(id, settled.amounts))));
        Ok(sequence)
    }

    fn ask(&self) -> Ask<'_> {
        let output = Output { model_max: Some(16_384), likely: Some(OUTPUT), ..Output::default() };
        let (prompt, rates) = (Prompt::estimate(INPUT, 4_000), Some(Rates::default()));
        Ask { scopes: &self.scopes, prompt, output, bytes_in: 4_000, rates, streamed: true }
    }

    fn intent(&self, id: Uuid, charges: Vec<Charge>) -> Intent {
        Intent {
            id,
            time: self.at,
            client_request_id: None,
            subscription: Some("team-a".into()),
            product: Some("team".into()),
            user: Some("ada".into()),
            api: Some("openai".into()),
            operation: None,
            workspace: None,
            model: Some("gpt-4o".into()),
            end_user: None,
            metadata: Vec::new(),
            streamed: true,
            input_tokens: INPUT,
            charges,
        }
    }
}

fn settle(id: Uuid, amounts: Vec<i64>) -> Settle {
    Settle {
        id,
        outcome: Outcome::Complete,
        status: 200,
        error: None,
        streamed: true,
        model: None,
        upstream_model: Some("gpt-4o-2024-11-20".into()),
        backend: Some("azure-weu".into()),
        usage: Usage { input: Some(INPUT), output: Some(OUTPUT), ..Usage::default() },
        certainty: Certainty::Exact,
        cost: None,
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts,
        attempts: Vec::new(),
        ttft_nanos: Some(300_000_000),
        duration_nanos: 4_000_000_000,
        bytes_in: 4_000,
        bytes_out: 20_000,
    }
}
