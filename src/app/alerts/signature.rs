//! The signature of a message, as Standard Webhooks has it: `v1,` and the base64 of an HMAC-SHA-256 over identifier,
//! time and body.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{model::Secret, settings::check::signing_key};

/// Signs messages.
pub struct Signer(hmac::Key);

impl Signer {
    /// From `whsec_…`.
    ///
    /// # Errors
    /// What is wrong with the secret, without it.
    pub fn new(secret: &Secret) -> Result<Self, String> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &signing_key(secret)?)))
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, seconds: u64, body: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_reproduced() {
        let signer = Signer::new(&Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).expect("good");
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
