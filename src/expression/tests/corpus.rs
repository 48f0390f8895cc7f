//! Expressions of real documents, where they are at hand (`TOLLGATE_POLICY_CORPUS`, or `shared/data` beside the
//! repository): nearly all compile, the rest say where and why they do not, none makes the evaluator panic.

use std::path::{Path, PathBuf};

use super::fixture;
use crate::expression::{Bounds, Source, compile};

/// The folder with documents; none, and it is said.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("TOLLGATE_POLICY_CORPUS").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data/apim-policies"));
    let folder = named.into_iter().chain(above).find(|folder| folder.is_dir());
    if folder.is_none() {
        println!("no corpus of policies here: set TOLLGATE_POLICY_CORPUS to a folder of XML documents");
    }
    folder
}

/// Comments out, so that what they hold is not taken for code.
fn uncommented(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
}

/// Where a string or character literal ends that starts the text.
fn literal_end(text: &str) -> usize {
    let prefix = text.bytes().take_while(|byte| b"@$".contains(byte)).count();
    let (verbatim, quote) = (text[..prefix].contains('@'), text.as_bytes().get(prefix).copied().unwrap_or(b'"'));
    let mut at = prefix + 1;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !verbatim => at += 1,
            byte if byte == quote && verbatim && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Where the bracket closes that opens the text.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_u32, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'/' if text[at..].starts_with("//") => at += text[at..].find('\n').unwrap_or(text.len() - at),
            b'/' if text[at..].starts_with("/*") => at += text[at..].find("*/").unwrap_or(text.len() - at),
            b'"' | b'\'' => at += literal_end(&text[at..]) - 1,
            b'@' | b'$' if text[at + 1..].trim_start_matches(['@', '$']).starts_with('"') => {
                at += literal_end(&text[at..]) - 1;
            }
            b'(' | b'{' | b'[' => depth += 1,
            b')' | b'}' | b']' if depth == 1 => return Some(at),
            b')' | b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// All expressions of a document: whether they are blocks, and their text.
fn expressions(document: &str) -> Vec<(bool, String)> {
    let document = uncommented(document);
    let mut found = Vec::new();
    let mut rest = &*document;
    while let Some(at) = ["@(", "@{"].iter().filter_map(|start| rest.find(start)).min() {
        let code = &rest[at + 1..];
        let Some(end) = closing(code) else { break };
        let text =
            ["&quot;\"", "&lt;<", "&gt;>", "&apos;'", "&amp;&"].iter().fold(code[1..end].to_owned(), |text, entity| {
                let (name, letter) = entity.split_at(entity.len() - 1);
                text.replace(name, letter)
            });
        found.push((code.starts_with('{'), valued(&text)));
        rest = &code[end..];
    }
    found
}

/// Named values stand for a number, which is right inside text too.
fn valued(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let name = after.split_once("}}").filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_. ".contains(letter))
        });
        out.push_str(before);
        out.push_str(if name.is_some() { "7" } else { "{{" });
        rest = name.map_or(after, |(_, after)| after);
    }
    out + rest
}

/// An exchange like those that the documents are written for.
fn exchange() -> serde_json::Value {
    serde_json::json!({
        "request": { "method": "POST", "url": "https://gw.example/openai/deployments/gpt/chat/completions?api-version=1",
            "headers": { "Authorization": ["Bearer a.b.c"], "Content-Type": ["application/json"] },
            "body": { "model": "gpt", "stream": true, "messages": [{ "role": "user", "content": "hi" }] } },
        "response": { "statusCode": 429, "headers": { "Retry-After": ["1"] }, "body": { "usage": { "total_tokens": 5 } } },
        "subscription": { "id": "s", "name": "n", "key": "k" }, "user": { "id": "u", "groups": [{ "id": "g", "name": "G" }] },
        "product": { "id": "p", "name": "P" }, "api": { "id": "a", "name": "A" }, "operation": { "id": "o" },
        "lastError": { "source": "x", "reason": "y", "message": "z" }
    })
}

#[test]
fn nearly_all_expressions_of_real_documents_compile() {
    let Some(folder) = folder() else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "xml"))
        .collect();
    paths.sort();
    let (mut compiled, mut refused) = (0_usize, Vec::new());
    for path in paths {
        let document = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        for (is_block, text) in expressions(&document) {
            match compile(Source { text: &text, is_block }) {
                Ok(expression) => {
                    compiled += 1;
                    // Most lack the variables of the policies before them; that must be an exception.
                    drop(expression.evaluate(&mut fixture(exchange()), &Bounds::DEFAULT));
                }
                Err(troubles) => {
                    let first = troubles.first().expect("a reason");
                    assert!(first.offset <= text.len() && !first.message.is_empty(), "{text}");
                    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    refused.push(format!("{name} at {}: {}", first.offset, first.message));
                }
            }
        }
    }
    println!("{compiled} of {} compile; refused:\n{}", compiled + refused.len(), refused.join("\n"));
    assert!(compiled > 0 && refused.len() * 100 <= compiled * 2, "{} refused, {compiled} compile", refused.len());
}
