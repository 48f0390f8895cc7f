//! What samples leave to be filled in: `count="{retry-count}"`, `<key>{signing_key}</key>`, `count="RETRY_COUNT"`.
//!
//! Azure takes such a document only after a script has put values there. Here a value of the file of variables is put
//! there, or the placeholder becomes a named value of its name. Whether a document is one is not to be seen from its
//! text alone (a template of a path may be `{id}`), so that the converter asks only for one that cannot be loaded.

/// Attributes whose braces are their own.
const OWN_BRACES: [&str; 2] = ["template", "match"];

/// The placeholders of a document, each once, in the order they stand.
pub fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for (at, _) in text.match_indices(['"', '>']) {
        let rest = &text[at + 1..];
        let end = if text[at..].starts_with('"') { '"' } else { '<' };
        let Some((inside, _)) = rest.split_once(end) else { continue };
        let is_attribute = end == '"' && text[..at].ends_with('=');
        if is_attribute && OWN_BRACES.contains(&attribute(&text[..at])) || end == '"' && !is_attribute {
            continue;
        }
        match braced(inside.trim()) {
            Some(name) => add(name),
            None if is_attribute && is_capitals(inside) => add(inside),
            None => {}
        }
    }
    names
}

/// A document with its placeholders replaced.
pub fn fill(text: &str, names: &[String], value: impl Fn(&str) -> String) -> String {
    let mut text = text.to_owned();
    for name in names {
        let value = value(name);
        text = if is_capitals(name) {
            replace_word(&text, name, &value)
        } else {
            let whole = |open: &str, close: &str| format!("{open}{{{name}}}{close}");
            text.replace(&whole("=\"", "\""), &format!("=\"{value}\"")).replace(&whole(">", "<"), &format!(">{value}<"))
        };
    }
    text
}

/// The name of the attribute whose `=` ends the text.
fn attribute(before: &str) -> &str {
    let name = before.trim_end_matches('=').trim_end();
    name.rsplit(|c: char| c.is_whitespace() || c == '<').next().unwrap_or_default()
}

fn braced(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    is_name.then_some(name)
}

/// `BACKEND_ID`: at least two words, so that no constant of a policy is one.
fn is_capitals(text: &str) -> bool {
    text.contains('_')
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn replace_word(text: &str, word: &str, value: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(word) {
        out.push_str(before);
        let stands_alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        out.push_str(if stands_alone { value } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_whole_values() {
        let rows: [(&str, &[&str], &str); 7] = [
            (
                r#"<retry count="{retry-count}" interval="{retry-count}"/>"#,
                &["retry-count"],
                r#"<retry count="[retry-count]" interval="[retry-count]"/>"#,
            ),
            ("<key>{signing_key}</key>", &["signing_key"], "<key>[signing_key]</key>"),
            (
                r#"<retry count="RETRY_COUNT"><value>@(RETRY_COUNT + 1)</value></retry>"#,
                &["RETRY_COUNT"],
                r#"<retry count="[RETRY_COUNT]"><value>@([RETRY_COUNT] + 1)</value></retry>"#,
            ),
            (r#"<rewrite-uri template="{id}"/>"#, &[], r#"<rewrite-uri template="{id}"/>"#),
            (
                r#"<a b="/{id}" c="{1}" d="{a b}" e="GET" f="{{x}}"/>"#,
                &[],
                r#"<a b="/{id}" c="{1}" d="{a b}" e="GET" f="{{x}}"/>"#,
            ),
            (r#"<set-body>@($"{a}")</set-body>"#, &[], r#"<set-body>@($"{a}")</set-body>"#),
            (r#"<a b="A_B"/>MY_A_B x-A_B"#, &["A_B"], r#"<a b="[A_B]"/>MY_A_B x-[A_B]"#),
        ];
        for (text, wanted, filled) in rows {
            let found = names(text);
            assert_eq!(found, wanted, "{text}");
            assert_eq!(fill(text, &found, |name| format!("[{name}]")), filled);
        }
    }
}
