//! `decryption-keys` of `validate-jwt` and `validate-azure-ad-token`: keys that open encrypted tokens.
//!
//! Deliberately not here: how a token is opened (`jwt/encrypted.rs`), and what is asked of the token inside.

use std::sync::Arc;

use super::{
    Dynamic, Failure, Flow, Named, Needs, Reading,
    catalogue::{AttributeEntry, Content, ElementEntry},
    jwt::{
        Refusal,
        encrypted::{self, DecryptionKey},
        key,
    },
};

/// The element.
pub const DECRYPTION: ElementEntry = ElementEntry {
    name: "decryption-keys",
    required: false,
    many: false,
    attributes: &[],
    children: &[ElementEntry {
        name: "key",
        required: false,
        many: true,
        attributes: &[
            AttributeEntry::absent("id", "Read for compatibility: every key is tried."),
            AttributeEntry::absent("certificate-id", "A configured certificate with its RSA key.").dynamic(),
        ],
        children: &[],
        content: Content::Text,
        text: "A key: a shared secret in base64, or a certificate.",
    }],
    content: Content::Nothing,
    text: "Keys that open encrypted tokens (JWE); inside there has to be a signed one. `RSA-OAEP`, `RSA-OAEP-256`, `A128KW`, \
           `A256KW` and `dir`, with AES in CBC mode with HMAC or in GCM; `RSA1_5` is refused.",
};

/// A key of the document.
enum Rule {
    Secret(Dynamic<Arc<str>>),
    Certificate(Dynamic<Arc<str>>),
}

impl Rule {
    const fn text(&self) -> &Dynamic<Arc<str>> {
        let (Self::Secret(text) | Self::Certificate(text)) = self;
        text
    }
}

/// The keys of an element.
pub struct DecryptionKeys {
    rules: Vec<Rule>,
    named: Arc<Named>,
}

impl DecryptionKeys {
    /// Reads the element, if it is there.
    pub fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut rules = Vec::new();
        let element = reading.element.child("decryption-keys");
        for key in element.iter().flat_map(|element| element.elements()) {
            let mut reading = reading.child(key);
            let rule = if reading.attribute("certificate-id").is_some() {
                Rule::Certificate(reading.dynamic("certificate-id")?)
            } else if key.text().value.trim().is_empty() {
                return reading.refuse("a `key` needs a secret in base64, or `certificate-id`");
            } else {
                Rule::Secret(reading.text()?)
            };
            let is_bad =
                matches!(&rule, Rule::Secret(text) if text.fixed().is_some_and(|text| key::base64(text).is_none()));
            if is_bad {
                return reading.refuse("the text of a `key` is not base64");
            }
            rules.push(rule);
        }
        Some(Self { rules, named: reading.compiler.known.named() })
    }

    /// Bodies that its expressions read.
    pub fn needs(&self) -> Needs {
        self.rules.iter().fold(Needs::NONE, |needs, rule| needs.and(rule.text().needs()))
    }

    /// The token inside of an encrypted one; any other as it is.
    pub fn open(&self, flow: &mut Flow<'_>, token: String) -> Result<Result<String, Refusal>, Failure> {
        if !encrypted::is_encrypted(&token) {
            return Ok(Ok(token));
        }
        let mut keys = Vec::new();
        for rule in &self.rules {
            let text = rule.text().get(flow)?;
            // A key that cannot be had opens nothing; the others still do.
            keys.extend(match rule {
                Rule::Secret(_) => key::base64(&text).map(DecryptionKey::Secret),
                Rule::Certificate(_) => {
                    let identity = self.named.certificate(text.trim());
                    identity.and_then(|identity| identity.rsa_key()).map(DecryptionKey::Private)
                }
            });
        }
        let opened = encrypted::open(&token, &keys);
        Ok(opened.map_err(|why| Refusal::new("JwtInvalid", format!("The token is encrypted: {why}."))))
    }
}
