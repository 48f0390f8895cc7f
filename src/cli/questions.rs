//! Asking the ledger: a running server by its admin API, or the database, with the same answer.

use serde_json::Value;

use super::{
    client::{Client, segment},
    exit::{Exit, Failure},
    manager::Manager,
    offline::Offline,
};
use crate::usage::report::{self, Params, Table, Unanswered};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A report by something.
    Report(String),
    /// Single rows.
    Requests,
    /// A month of a product or subscription.
    Statement,
    /// FOCUS.
    Focus,
}

impl Manager {
    /// The answer, or its first page.
    pub async fn ask(&self, question: &Question, params: &Params) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => remote(client, question, params).await,
            Self::Database(offline) => Ok(local(offline, question, params).await?.json()),
        }
    }

    /// The lines of all pages, and the head of the first.
    pub async fn ask_all(&self, question: &Question, mut params: Params) -> Result<(Vec<Value>, Value), Failure> {
        if !matches!(question, Question::Statement | Question::Focus) {
            params.set("limit", "1000");
        }
        let mut head = self.ask(question, &params).await?;
        let mut lines = items(&mut head);
        let mut next = head["next"].as_str().map(str::to_owned);
        while let Some(after) = next {
            params.set("after", after);
            let mut page = self.ask(question, &params).await?;
            lines.extend(items(&mut page));
            next = page["next"].as_str().map(str::to_owned);
        }
        Ok((lines, head))
    }
}

/// Takes the lines out of a page.
pub fn items(page: &mut Value) -> Vec<Value> {
    match page["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

async fn remote(client: &Client, question: &Question, params: &Params) -> Result<Value, Failure> {
    let mut params = params.clone();
    let path = match question {
        Question::Report(by) => format!("reports/by-{by}"),
        Question::Requests => "requests".to_owned(),
        Question::Statement => statement(&mut params),
        Question::Focus => "focus".to_owned(),
    };
    // What the server calls a bad request is a flag of this command.
    client.get(&with_query(&path, &params)).await.map_err(|failure| match failure.exit {
        Exit::Configuration => Failure { exit: Exit::Usage, ..failure },
        _ => failure,
    })
}

/// The admin API has whose statement it is in the path.
fn statement(params: &mut Params) -> String {
    let (kind, id) = match params.take("product") {
        Some(id) => ("products", id),
        None => ("subscriptions", params.take("subscription").unwrap_or_default()),
    };
    format!("{kind}/{}/statement", segment(&id))
}

/// A path with its query.
pub fn with_query(path: &str, params: &Params) -> String {
    let pairs: Vec<String> = params.iter().map(|(name, text)| format!("{name}={}", segment(text))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

async fn local(offline: &Offline, question: &Question, params: &Params) -> Result<Table, Failure> {
    let (books, now) = (offline.books(), offline.now());
    let answered = match question {
        Question::Report(by) => report::report(&*books, by, params, now).await,
        Question::Requests => report::requests(&*books, params, now).await,
        Question::Statement => report::statement(&*books, params, now).await,
        Question::Focus => report::focus(&*books, params, &|id| offline.labels(id), now).await,
    };
    Ok(answered?)
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Parameter { .. } => Self::new(Exit::Usage, unanswered.to_string()),
            Unanswered::Store(error) => error.into(),
        }
    }
}
