//! Whether there is an administrator, and what may not be done before there is one.

use std::net::SocketAddr;

use super::{Env, StartProblem};
use crate::{
    model::Secret,
    store::{Access, StoreError},
};

/// The variable that holds the administrator's token.
pub const TOKEN_VARIABLE: &str = "TOLLGATE_ADMIN_TOKEN";

/// Shortest token that is taken from the environment: 24 characters of a password generator are 140 bits or more.
const SHORTEST_TOKEN: usize = 24;

/// The administrator's token from the environment.
pub fn token(env: &Env) -> Result<Option<Secret>, StartProblem> {
    let Some(token) = env.get(TOKEN_VARIABLE).filter(|token| !token.is_empty()).map(Secret::from) else {
        return Ok(None);
    };
    let length = token.expose().chars().count();
    if length < SHORTEST_TOKEN {
        return Err(StartProblem::Configuration(vec![format!(
            "{TOKEN_VARIABLE} has {length} characters and needs {SHORTEST_TOKEN} or more; make one with: openssl rand \
             -hex 24"
        )]));
    }
    if token.expose().chars().any(|c| !c.is_ascii_graphic()) {
        return Err(StartProblem::Configuration(vec![format!(
            "{TOKEN_VARIABLE} holds spaces or characters that no HTTP header can carry; use letters, digits and \
             punctuation"
        )]));
    }
    Ok(Some(token))
}

/// Whether anybody could sign in from elsewhere: a token in the environment or in the database.
pub async fn exists(from_env: Option<&Secret>, access: &dyn Access) -> Result<bool, StoreError> {
    Ok(from_env.is_some() || !access.admin_tokens().await?.is_empty())
}

/// Refuses addresses that others can reach: both ports without a configuration, the console without an administrator.
pub fn check_addresses(
    gateway: SocketAddr,
    console: SocketAddr,
    quick_start: bool,
    administrator: bool,
) -> Result<(), StartProblem> {
    let mut problems = Vec::new();
    if quick_start && !gateway.ip().is_loopback() {
        problems.push(format!(
            "without a configuration the gateway listens on loopback only, not on {gateway}; write one with `tollgate \
             init` and set server.gateway.listen"
        ));
    }
    if !console.ip().is_loopback() && (quick_start || !administrator) {
        problems.push(format!(
            "the console would listen on {console} although there is no administrator yet; set {TOKEN_VARIABLE} to a \
             secret of {SHORTEST_TOKEN} characters or more (openssl rand -hex 24), or create a token with `tollgate \
             admin token NAME`, or let server.console.listen be 127.0.0.1:8081{}",
            if quick_start { "; and write a configuration with `tollgate init`" } else { "" }
        ));
    }
    if problems.is_empty() { Ok(()) } else { Err(StartProblem::Configuration(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(token: &'static str) -> Env {
        Env::from_fn(move |name| (name == TOKEN_VARIABLE).then(|| token.to_owned()))
    }

    #[test]
    fn a_short_or_unsendable_token_is_refused_without_being_shown() {
        for bad in ["short-token", "twenty-three-characters", "a token of many words with spaces"] {
            let problem = token(&env(bad)).expect_err(bad).to_string();
            assert!(!problem.contains(bad) && problem.contains(TOKEN_VARIABLE), "{problem}");
        }
        assert!(token(&Env::empty()).expect("none is fine").is_none());
        assert!(token(&env("")).expect("empty is none").is_none());
        assert!(token(&env("exactly-24-characters-ok")).expect("long enough").is_some());
    }

    #[test]
    fn only_loopback_until_there_is_a_configuration_and_an_administrator() {
        let (inside, outside): (SocketAddr, SocketAddr) =
            ("127.0.0.1:1".parse().expect("ok"), "0.0.0.0:1".parse().expect("ok"));
        // gateway, console, quick start, administrator: problems
        for (gateway, console, quick_start, administrator, problems) in [
            (inside, inside, true, false, 0),
            (inside, inside, false, false, 0),
            (outside, inside, false, false, 0),
            (outside, inside, true, true, 1),
            (inside, outside, false, false, 1),
            (inside, outside, false, true, 0),
            (inside, outside, true, true, 1),
            (outside, outside, true, false, 2),
        ] {
            let seen = match check_addresses(gateway, console, quick_start, administrator) {
                Ok(()) => 0,
                Err(StartProblem::Configuration(list)) => list.len(),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(seen, problems, "{gateway} {console} {quick_start} {administrator}");
        }
    }
}
