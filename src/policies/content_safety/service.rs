//! Asking the content safety service (Azure AI Content Safety, REST version 2024-09-01).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Value as Json, json};

use super::{
    NAME,
    said::{Side, windows},
};
use crate::{
    expression::Value,
    outbound::{
        egress::Rules,
        fetch::{Call, SideCalls},
    },
    policies::{Failure, FromValue, Services, outside::Named},
};

/// A question may take this long.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Version of the interface.
const VERSION: &str = "2024-09-01";
/// What tokens for the service are for.
const RESOURCE: &str = "https://cognitiveservices.azure.com";

/// A category of harm, by the service's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Category(&'static str);

impl FromValue for Category {
    fn from_value(value: &Value) -> Result<Self, String> {
        let text = value.to_text();
        let known = ["Hate", "SelfHarm", "Sexual", "Violence"];
        let found = known.into_iter().find(|name| *name == text.trim());
        found.map(Self).ok_or_else(|| format!("`{text}` is no category; there are: {}", known.join(", ")))
    }
}

/// Which severities the service tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Four,
    Eight,
}

impl Output {
    const fn name(self) -> &'static str {
        match self {
            Self::Four => "FourSeverityLevels",
            Self::Eight => "EightSeverityLevels",
        }
    }
}

impl FromValue for Output {
    fn from_value(value: &Value) -> Result<Self, String> {
        let text = value.to_text();
        let known = [Self::Four, Self::Eight];
        let found = known.into_iter().find(|output| output.name() == text.trim());
        found.ok_or_else(|| format!("`{text}` must be FourSeverityLevels or EightSeverityLevels"))
    }
}

impl FromValue for u8 {
    fn from_value(value: &Value) -> Result<Self, String> {
        let text = value.to_text();
        text.trim().parse().map_err(|_| format!("`{text}` is not a number from 0 to 255"))
    }
}

/// Who judges the texts of an exchange, and by what.
pub(super) struct Judge {
    pub(super) calls: Arc<dyn SideCalls>,
    pub(super) url: String,
    pub(super) rules: Rules,
    pub(super) headers: HeaderMap,
    pub(super) output: Output,
    pub(super) categories: Vec<(Category, u8)>,
    pub(super) blocklists: Vec<String>,
    pub(super) shields: bool,
    pub(super) window: usize,
    pub(super) overlap: usize,
    pub(super) side: Side,
}

impl Judge {
    /// Whether there is anything to ask.
    pub(super) fn has_questions(&self) -> bool {
        self.shields || self.analyses()
    }

    fn analyses(&self) -> bool {
        !self.categories.is_empty() || !self.blocklists.is_empty()
    }

    /// Has a text judged, window by window.
    pub(super) async fn check(&self, text: &str) -> Result<(), Failure> {
        for window in windows(text, self.window, self.overlap) {
            if window.trim().is_empty() {
                continue;
            }
            if self.analyses() {
                let answer = self.ask("text:analyze", self.question(window)).await?;
                self.judge_analysis(&answer)?;
            }
            if self.shields {
                let answer = self.ask("text:shieldPrompt", json!({ "userPrompt": window, "documents": [] })).await?;
                match answer["userPromptAnalysis"]["attackDetected"].as_bool() {
                    Some(false) => {}
                    Some(true) => return Err(self.refused("an attack on the model")),
                    None => return Err(unjudged("its answer does not say whether there is an attack")),
                }
            }
        }
        Ok(())
    }

    fn question(&self, text: &str) -> Json {
        let mut question = json!({ "text": text, "outputType": self.output.name() });
        if !self.categories.is_empty() {
            question["categories"] = self.categories.iter().map(|(category, _)| Json::from(category.0)).collect();
        }
        if !self.blocklists.is_empty() {
            question["blocklistNames"] = self.blocklists.iter().cloned().map(Json::from).collect();
            question["haltOnBlocklistHit"] = true.into();
        }
        question
    }

    fn judge_analysis(&self, answer: &Json) -> Result<(), Failure> {
        if answer["blocklistsMatch"].as_array().is_some_and(|matches| !matches.is_empty()) {
            return Err(self.refused("a match in a blocklist"));
        }
        let analysis = answer["categoriesAnalysis"].as_array().map_or(&[][..], Vec::as_slice);
        for (category, threshold) in &self.categories {
            let found = analysis.iter().find(|found| found["category"] == category.0);
            match found.and_then(|found| found["severity"].as_u64()) {
                Some(severity) if severity >= u64::from(*threshold) => {
                    return Err(self.refused(&format!("{} of severity {severity}", category.0)));
                }
                Some(_) => {}
                None => return Err(unjudged(&format!("its answer does not judge `{}`", category.0))),
            }
        }
        Ok(())
    }

    /// What was found is for the log and `on-error`; who wrote it is not told how to write it better.
    fn refused(&self, found: &str) -> Failure {
        let (whose, reason) = match self.side {
            Side::Prompt => ("Request", "ContentSafetyRequestBlocked"),
            Side::Answer => ("Response", "ContentSafetyResponseBlocked"),
        };
        tracing::info!(found, whose, "a text was refused by the content safety service");
        Failure::new(NAME, reason, 403, format!("{whose} failed content safety check."))
    }

    async fn ask(&self, what: &str, question: Json) -> Result<Json, Failure> {
        let url = format!("{}/contentsafety/{what}?api-version={VERSION}", self.url);
        let mut call = Call::new(Method::POST, url, self.rules.clone());
        call.headers.clone_from(&self.headers);
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.body = Bytes::from(question.to_string());
        call.timeout = TIMEOUT;
        let answer = self.calls.call(call).await.map_err(|fault| unjudged(&fault.to_string()))?;
        if !answer.status.is_success() {
            return Err(unjudged(&format!("it answered {}", answer.status.as_u16())));
        }
        serde_json::from_slice(&answer.body).map_err(|_| unjudged("its answer is not JSON"))
    }
}

/// What the service has not judged does not pass.
fn unjudged(why: &str) -> Failure {
    Failure::new(NAME, "ContentSafetyServiceError", 500, format!("The content safety service has not judged: {why}."))
}

/// A token for the service, where a source is configured for it.
pub(super) async fn authorization(
    services: &Services,
    named: &Named,
) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
    let Some(source) = named.source(RESOURCE, None) else { return Ok(None) };
    let token = services.outside.tokens.get(source, RESOURCE).await.map_err(|why| unjudged(&why))?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| unjudged("its token has characters that a header cannot have"))?;
    value.set_sensitive(true);
    Ok(Some((header::AUTHORIZATION, value)))
}
