//! Sending one message, once.

use std::{fmt, time::Duration};

use reqwest::{Client, Response, StatusCode, header::CONTENT_TYPE};
use tollgate_providers::retry_after;

use super::signature::Signer;
use crate::{model::Timestamp, settings::Webhook, store::Alert};

/// A receiver has this long to answer: Standard Webhooks recommends 15 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What a try came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Any 2xx.
    Taken(u16),
    /// 410: the receiver wants no more of it.
    Gone,
    /// Any other status, redirects included: following one would sign for somebody else.
    Refused {
        /// The status.
        status: u16,
        /// How long the receiver asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer.
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(status) | Self::Refused { status, .. } => write!(f, "{status}"),
            Self::Gone => f.write_str("410 (gone: not tried again)"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Where messages go.
pub struct Receiver<'a> {
    url: &'a str,
    signer: Signer,
    client: &'a Client,
}

impl<'a> Receiver<'a> {
    /// # Errors
    /// The secret cannot sign.
    pub fn new(webhook: &'a Webhook, client: &'a Client) -> Result<Self, String> {
        Ok(Self { url: &webhook.url, signer: Signer::new(&webhook.secret)?, client })
    }

    /// Sends a message; its identifier is the same in every try, its time that of the try.
    pub async fn send(&self, alert: &Alert, now: Timestamp) -> Outcome {
        let request = self
            .client
            .post(self.url)
            .timeout(TIMEOUT)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &*alert.id)
            .header("webhook-timestamp", now.as_secs())
            .header("webhook-signature", self.signer.sign(&alert.id, now.as_secs(), &alert.payload))
            .body(alert.payload.clone());
        match request.send().await {
            Ok(answer) => judge(&answer, now),
            Err(error) => Outcome::Failed(reason(error)),
        }
    }
}

fn judge(answer: &Response, now: Timestamp) -> Outcome {
    let status = answer.status();
    match status {
        _ if status.is_success() => Outcome::Taken(status.as_u16()),
        StatusCode::GONE => Outcome::Gone,
        _ => {
            let retry_after = retry_after(answer.headers(), now.as_millis());
            Outcome::Refused { status: status.as_u16(), retry_after }
        }
    }
}

/// Why there was no answer, without the URL: a path may be as good as a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
