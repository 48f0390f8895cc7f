//! The admin API of a running server, as commands use it. Problems come back as one failure with every line.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::Value;

use super::{
    args::Global,
    exit::{Exit, Failure},
    place,
};
use crate::{app::LocalServer, model::Secret};

/// Time one call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server and the token for it.
pub struct Client {
    http: reqwest::Client,
    console: String,
    token: Secret,
}

/// A write's condition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Whatever is there.
    Always,
    /// Nothing is there yet.
    IfNew,
}

impl Client {
    /// The server named by `--server`/`TOLLGATE_SERVER` with `TOLLGATE_TOKEN`, or the one announced in the data folder.
    pub fn connect(global: &Global) -> Result<Self, Failure> {
        let (console, token) = match &global.server {
            Some(url) => (url.trim_end_matches('/').to_owned(), named_token(global, url)?),
            None => announced(global)?,
        };
        Ok(Self { http: http(&console)?, console, token })
    }

    /// Base URL of the console.
    pub fn console(&self) -> &str {
        &self.console
    }

    /// Reads one object or answer.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.send(Method::GET, path, None, &[]).await?.0)
    }

    /// Reads a whole list, page by page.
    pub async fn list(&self, kind: &str) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut path = format!("{kind}?limit=100");
        loop {
            let mut page = self.get(&path).await?;
            if let Value::Array(some) = page["items"].take() {
                items.extend(some);
            }
            match page["next"].as_str() {
                Some(next) => path = format!("{kind}?limit=100&after={}", segment(next)),
                None => return Ok(items),
            }
        }
    }

    /// Sends an action.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        Ok(self.send(Method::POST, path, Some(body), &[]).await?.0)
    }

    /// Creates or replaces an object.
    pub async fn put(&self, path: &str, body: &Value, only: Only) -> Result<Value, Failure> {
        let condition: &[_] = if only == Only::IfNew { &[(header::IF_NONE_MATCH, "*")] } else { &[] };
        Ok(self.send(Method::PUT, path, Some(body), condition).await?.0)
    }

    /// Deletes an object, in the state it has now.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        let (_, etag) = self.send(Method::GET, path, None, &[]).await?;
        let condition = [(header::IF_MATCH, etag.as_deref().unwrap_or("*"))];
        self.send(Method::DELETE, path, None, &condition).await.map(|_| ())
    }

    /// Deletes what has no versions.
    pub async fn delete_now(&self, path: &str) -> Result<(), Failure> {
        self.send(Method::DELETE, path, None, &[]).await.map(|_| ())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(header::HeaderName, &str)],
    ) -> Result<(Value, Option<String>), Failure> {
        let url = format!("{}/admin/v1/{path}", self.console);
        let mut request = self.http.request(method, &url).bearer_auth(self.token.expose());
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let etag = answer.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let text = answer.text().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() { Ok((parsed(&text)?, etag)) } else { Err(refused(status, &text)) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let reason = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        let message = format!(
            "cannot reach the server at {}: {reason}; start it (`tollgate serve`), name another (TOLLGATE_SERVER), \
             or use --offline",
            self.console
        );
        Failure::new(Exit::Unreachable, message)
    }
}

/// Not `outbound`'s client: egress rules are about what the server may reach, here a person talks to their own server.
/// No redirects: the token stays with the server it is for.
fn http(console: &str) -> Result<reqwest::Client, Failure> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
    let builder = if is_loopback(console) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| Failure::failed(format!("cannot set up an HTTP client: {error}")))
}

/// A proxy named in the environment cannot reach this machine's loopback.
fn is_loopback(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// One path segment, percent-encoded.
pub fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The environment's token, else that of the data folder if it belongs to the very server that was named:
/// a token never goes to another server than its own.
fn named_token(global: &Global, url: &str) -> Result<Secret, Failure> {
    if let Some(token) = environment_token() {
        return Ok(token);
    }
    match LocalServer::find(&place::data_dir(global)?) {
        Ok(Some(local)) if local.console == url.trim_end_matches('/') => Ok(local.token),
        _ => Err(Failure::new(
            Exit::NotAllowed,
            format!("no token for {url}: set TOLLGATE_TOKEN (`tollgate admin token NAME` on the server makes one)"),
        )),
    }
}

fn announced(global: &Global) -> Result<(String, Secret), Failure> {
    let data_dir = place::data_dir(global)?;
    match LocalServer::find(&data_dir) {
        Ok(Some(local)) => Ok((local.console, environment_token().unwrap_or(local.token))),
        Ok(None) => Err(Failure::new(
            Exit::Unreachable,
            format!(
                "no running server is announced in {}: start one (`tollgate serve`), name one (TOLLGATE_SERVER and \
                 TOLLGATE_TOKEN, or --data-dir), or use --offline",
                data_dir.display()
            ),
        )),
        Err(error) => Err(Failure::new(
            Exit::NotAllowed,
            format!(
                "cannot read {}: {error}; run this as the server's user, or set TOLLGATE_SERVER and TOLLGATE_TOKEN",
                LocalServer::path(&data_dir).display()
            ),
        )),
    }
}

fn environment_token() -> Option<Secret> {
    std::env::var("TOLLGATE_TOKEN").ok().filter(|token| !token.is_empty()).map(Secret::from)
}

fn parsed(text: &str) -> Result<Value, Failure> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| {
        Failure::failed(format!("the server's answer is not JSON ({error}); is TOLLGATE_SERVER a Tollgate console?"))
    })
}

/// A problem document (RFC 9457) as one failure: its detail, then every problem on its own line.
fn refused(status: StatusCode, text: &str) -> Failure {
    if status == StatusCode::UNAUTHORIZED {
        let message = "the server does not know this token; set TOLLGATE_TOKEN to one of its own (`tollgate admin token \
                       NAME` on its machine makes one)";
        return Failure::new(Exit::NotAllowed, message);
    }
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let detail = problem["detail"].as_str().or_else(|| problem["title"].as_str());
    let mut lines = vec![detail.map_or_else(|| format!("the server answered {status}"), str::to_owned)];
    // The detail of a single problem says it all.
    let problems = problem["problems"].as_array().filter(|problems| problems.len() > 1);
    for one in problems.into_iter().flatten() {
        let (path, text) = (one["path"].as_str().unwrap_or(""), one["message"].as_str().unwrap_or(""));
        lines.push(if path.is_empty() { format!("  {text}") } else { format!("  {path}: {text}") });
    }
    let exit = match status {
        StatusCode::FORBIDDEN => Exit::NotAllowed,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Exit::Configuration,
        _ => Exit::Failed,
    };
    Failure::new(exit, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_becomes_one_failure_with_every_line() {
        let text = r#"{"title":"Invalid","detail":"2 problems","problems":[{"path":"url","message":"is missing"},{"message":"x"}]}"#;
        let failure = refused(StatusCode::UNPROCESSABLE_ENTITY, text);
        assert_eq!(
            (failure.exit, failure.message.as_str()),
            (Exit::Configuration, "2 problems\n  url: is missing\n  x")
        );
        let plain = refused(StatusCode::BAD_GATEWAY, "<html>");
        assert_eq!(plain.message, "the server answered 502 Bad Gateway");
        assert_eq!(refused(StatusCode::UNAUTHORIZED, "{}").exit, Exit::NotAllowed);
    }

    #[test]
    fn ids_cannot_leave_their_path_segment() {
        assert_eq!(segment("../a b?c"), "%2E%2E%2Fa%20b%3Fc");
    }
}
