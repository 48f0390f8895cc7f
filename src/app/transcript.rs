//! What a start prints for people: pure text from facts, so that its wording is tested.
//!
//! Secrets appear only in the forms for a terminal and for the first-login file.

use crate::model::Secret;

/// The model of the printed curl: streams some words without a network.
const FIRST_MODEL: &str = "sim-lorem";

/// The facts of a start.
#[derive(Debug)]
pub struct Facts {
    /// Base URL of the gateway, without a trailing slash.
    pub gateway: String,
    /// Base URL of the console, without a trailing slash.
    pub console: String,
    /// Whether no configuration was found.
    pub quick_start: bool,
    /// What was loaded, for people.
    pub configuration: Option<String>,
    /// The one-time sign-in link, when one was made at this start.
    pub sign_in: Option<Secret>,
    /// The new subscription key, when one was made at this start.
    pub key: Option<Secret>,
    /// The first-login file, when secrets went there instead of a terminal.
    pub first_login: Option<FirstLogin>,
}

/// The file that holds the secrets of a start.
#[derive(Debug)]
pub struct FirstLogin {
    /// Its path.
    pub path: String,
    /// Whether a key is in it, beside the link.
    pub has_key: bool,
}

/// Where the printed curl takes its key from.
enum KeyFrom<'a> {
    Text(&'a str),
    File(&'a str),
    Variable,
}

impl Facts {
    /// For a terminal: the only form with secrets besides [`Facts::first_login_file`].
    #[must_use]
    pub fn for_terminal(&self) -> String {
        let mut text = self.heading();
        if let Some(link) = &self.sign_in {
            text.push_str(&row("Sign in", &format!("{}   (once, within 30 minutes)", link.expose())));
        }
        if let Some(key) = &self.key {
            text.push_str(&row("Key", &format!("{}   (shown once)", key.expose())));
        }
        if self.quick_start {
            let from = self.key.as_ref().map_or(KeyFrom::Variable, |key| KeyFrom::Text(key.expose()));
            text.push_str(&self.try_it(&from));
        }
        text.push_str(self.next_steps());
        text
    }

    /// For anything that is not a terminal: names the file that holds the secrets instead of printing them.
    #[must_use]
    pub fn for_others(&self) -> String {
        let mut text = self.heading();
        if let Some(file) = &self.first_login {
            let what = if file.has_key { "link and key are" } else { "the link is" };
            text.push_str(&row("Sign in", &format!("{what} in {} (readable by you only)", file.path)));
        }
        if self.quick_start {
            let from = match &self.first_login {
                Some(file) if file.has_key => KeyFrom::File(&file.path),
                _ => KeyFrom::Variable,
            };
            text.push_str(&self.try_it(&from));
        }
        text
    }

    /// The content of the first-login file. `kept` is the key that an earlier start left there; whether it is still
    /// valid is not known here, since only its hash is stored.
    #[must_use]
    pub fn first_login_file(&self, kept: Option<&Secret>) -> String {
        let mut lines = vec!["# Written by tollgate at its start. Delete this file once you have used it.".to_owned()];
        if let Some(link) = &self.sign_in {
            lines.push("# Opens the console once, within 30 minutes:".to_owned());
            lines.push(format!("sign_in: {}", link.expose()));
        }
        if let Some(key) = self.key.as_ref().or(kept) {
            lines.push(
                "# Key of subscription `quickstart` as it was issued; what replaces it is not written here:".to_owned(),
            );
            lines.push(format!("key: {}", key.expose()));
        }
        lines.join("\n") + "\n"
    }

    fn heading(&self) -> String {
        let mode = match (&self.configuration, self.quick_start) {
            (Some(path), _) => format!("configuration: {path}"),
            (None, true) => "quick start: no configuration found, models are simulated".to_owned(),
            (None, false) => "default configuration".to_owned(),
        };
        let title = format!("\nTollgate {} is ready ({mode})\n\n", env!("CARGO_PKG_VERSION"));
        title + &row("Gateway", &self.gateway) + &row("Console", &self.console)
    }

    fn try_it(&self, key: &KeyFrom<'_>) -> String {
        let (before, key) = match key {
            KeyFrom::Text(key) => (String::new(), (*key).to_owned()),
            KeyFrom::File(file) => {
                (String::new(), format!("$(sed -n 's/^key: //p' '{}')", file.replace('\'', r"'\''")))
            }
            KeyFrom::Variable => (NO_KEY.to_owned(), "$TOLLGATE_KEY".to_owned()),
        };
        let body =
            format!(r#"{{"model":"{FIRST_MODEL}","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}"#);
        format!(
            "\n{before}Try it:\n\n  curl -N {}/v1/chat/completions \\\n    -H \"Authorization: Bearer {key}\" \\\n    \
             -H \"Content-Type: application/json\" \\\n    -d '{body}'\n",
            self.gateway
        )
    }

    fn next_steps(&self) -> &'static str {
        if self.quick_start {
            "\nNext: `tollgate init` writes a tollgate.yaml for your own backends. Ctrl+C stops.\n\n"
        } else {
            "\nCtrl+C stops.\n\n"
        }
    }
}

const NO_KEY: &str = "The key was shown at the first start. A new one, with the server running:\n\n  \
                      export TOLLGATE_KEY=$(tollgate keys create my-key --product starter -q)\n\n";

fn row(name: &str, value: &str) -> String {
    format!("  {name:<9}{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            gateway: "http://127.0.0.1:8080".into(),
            console: "http://127.0.0.1:8081".into(),
            quick_start: true,
            configuration: None,
            sign_in: Some("http://127.0.0.1:8081/login/LINK".into()),
            key: Some("tg_KEY".into()),
            first_login: None,
        }
    }

    #[test]
    fn a_terminal_sees_urls_link_key_and_a_curl_that_streams() {
        insta::assert_snapshot!(facts().for_terminal(), @r#"

        Tollgate 0.1.0 is ready (quick start: no configuration found, models are simulated)

          Gateway  http://127.0.0.1:8080
          Console  http://127.0.0.1:8081
          Sign in  http://127.0.0.1:8081/login/LINK   (once, within 30 minutes)
          Key      tg_KEY   (shown once)

        Try it:

          curl -N http://127.0.0.1:8080/v1/chat/completions \
            -H "Authorization: Bearer tg_KEY" \
            -H "Content-Type: application/json" \
            -d '{"model":"sim-lorem","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

        Next: `tollgate init` writes a tollgate.yaml for your own backends. Ctrl+C stops.
        "#);
    }

    #[test]
    fn anything_else_sees_the_file_name_and_no_secret() {
        let text = Facts {
            first_login: Some(FirstLogin { path: "./it's here/first-login.txt".into(), has_key: true }),
            ..facts()
        };
        let text = text.for_others();
        assert!(!text.contains("tg_KEY") && !text.contains("LINK"), "{text}");
        assert!(text.contains(r#"Bearer $(sed -n 's/^key: //p' './it'\''s here/first-login.txt')""#), "{text}");
    }

    #[test]
    fn a_later_start_says_how_to_get_a_new_key() {
        let text = Facts { key: None, ..facts() }.for_terminal();
        assert!(text.contains("tollgate keys create my-key --product starter -q"), "{text}");
        assert!(text.contains("Bearer $TOLLGATE_KEY"), "{text}");
    }

    #[test]
    fn with_a_configuration_there_is_no_curl() {
        let configured =
            Facts { quick_start: false, configuration: Some("tollgate.yaml".into()), key: None, ..facts() };
        assert!(!configured.for_terminal().contains("curl"));
        assert!(configured.for_others().contains("configuration: tollgate.yaml"));
    }

    #[test]
    fn the_first_login_file_keeps_an_unread_key() {
        let text = Facts { key: None, ..facts() }.first_login_file(Some(&Secret::from("tg_OLD")));
        assert!(text.contains("\nkey: tg_OLD\n") && text.contains("\nsign_in: http://127.0.0.1:8081/login/LINK\n"));
    }
}
