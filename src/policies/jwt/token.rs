//! A token taken apart: header, claims, signature (RFC 7515, section 7.1; RFC 7519). Nothing in it is trusted yet.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::strict;

/// Longest token, in bytes: more than any header may have.
const LONGEST: usize = 64 << 10;

/// A token that could be read.
#[derive(Debug)]
pub struct Token<'t> {
    /// Header and payload as they were signed.
    pub signed: &'t str,
    /// The signature, base64url.
    pub signature: &'t str,
    /// The header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// How a token says that it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By this algorithm.
    By(Algorithm),
    /// Not at all: `none`.
    Not,
}

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Why it is no token; nothing of it is repeated.
    pub fn read(text: &'t str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let parts: Vec<_> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(if parts.len() == 5 {
                "it is encrypted twice, which is not supported".to_owned()
            } else {
                "it does not have three parts".to_owned()
            });
        };
        let signed = &text[..header.len() + 1 + payload.len()];
        let header = part(header).map_err(|why| format!("its header cannot be read: {why}"))?;
        let claims = part(payload).map_err(|why| format!("its payload cannot be read: {why}"))?;
        // Whoever does not know an extension that is marked as critical has to refuse (RFC 7515, section 4.1.11).
        if header.contains_key("crit") || header.get("b64").is_some_and(|plain| *plain != Value::Bool(true)) {
            return Err("its header demands an extension (`crit`) that is not known".to_owned());
        }
        Ok(Self { signed, signature, header, claims })
    }

    /// The algorithm of the header.
    ///
    /// # Errors
    /// One that is missing or not known.
    pub fn algorithm(&self) -> Result<Signed, String> {
        let name = self.header.get("alg").and_then(Value::as_str).ok_or("its header has no `alg`")?;
        if name.eq_ignore_ascii_case("none") {
            return Ok(Signed::Not);
        }
        name.parse().map(Signed::By).map_err(|_| "its `alg` is not supported".to_owned())
    }

    /// The id of the key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The thumbprint of the key's certificate, base64url, as older tokens of Entra ID name their key.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.header.get("x5t").and_then(Value::as_str)
    }
}

fn part(text: &str) -> Result<Map<String, Value>, String> {
    strict::object(&URL_SAFE_NO_PAD.decode(text).map_err(|_| "it is no base64url")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.sig", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = token(r#"{"alg":"RS256","kid":"k"}"#, r#"{"iss":"i"}"#);
        let read = Token::read(&good).expect("a token");
        assert_eq!(
            (read.algorithm(), read.key_id(), read.signature),
            (Ok(Signed::By(Algorithm::RS256)), Some("k"), "sig")
        );
        let rows = [
            (String::new(), "three parts"),
            ("a.b.c.d.e".to_owned(), "encrypted"),
            ("a b.c.d".to_owned(), "header cannot be read"),
            (format!("{}=.x.y", URL_SAFE_NO_PAD.encode("{}")), "base64url"),
            (token(r#"{"alg":"RS256","alg":"none"}"#, "{}"), "twice"),
            (token(r#"{"alg":"RS256"}"#, r#"{"aud":"a","aud":"b"}"#), "twice"),
            (token(r#"{"alg":"RS256","crit":["exp"]}"#, "{}"), "crit"),
            (token(r#"{"alg":"RS256","b64":false}"#, "{}"), "crit"),
            ("x".repeat(LONGEST + 1), "longer"),
        ];
        for (text, said) in rows {
            let why = Token::read(&text).expect_err(said);
            assert!(why.contains(said), "{why}");
        }
    }

    #[test]
    fn algorithms_are_named_exactly() {
        let rows = [
            (r#"{"alg":"none"}"#, Some(Signed::Not)),
            (r#"{"alg":"NoNe"}"#, Some(Signed::Not)),
            (r#"{"alg":"HS256"}"#, Some(Signed::By(Algorithm::HS256))),
            (r#"{"alg":"rs256"}"#, None),
            (r#"{"alg":5}"#, None),
            ("{}", None),
        ];
        for (header, wanted) in rows {
            let text = token(header, "{}");
            assert_eq!(Token::read(&text).expect("a token").algorithm().ok(), wanted, "{header}");
        }
    }
}
