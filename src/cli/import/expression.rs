//! The expressions of ARM templates, as far as names and values of API Management need them: `[concat(parameters('a'),
//! '/b')]`. What only a deployment knows becomes a value of the environment.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    names,
    tree::{CLOSE, OPEN},
};
use crate::document::{Entry, Node, Value};

/// What expressions may refer to.
pub struct Context<'a> {
    /// `parameters` of the template.
    pub parameters: Option<&'a Node>,
    /// `variables` of the template.
    pub variables: Option<&'a Node>,
    /// Values from parameter files, the later first.
    pub given: &'a [Node],
}

/// Deepest nesting of calls and of variables that name each other.
const DEEPEST: usize = 32;

impl Context<'_> {
    /// A tree with its expressions replaced by their values.
    pub fn resolve(&self, node: &Node) -> Node {
        self.resolve_at(node, 0)
    }

    fn resolve_at(&self, node: &Node, depth: usize) -> Node {
        if depth > DEEPEST {
            return node.clone();
        }
        let value = match &node.value {
            Value::Text { text, .. } => return self.evaluated(text, node, depth),
            Value::Sequence(items) => {
                Value::Sequence(items.iter().map(|item| self.resolve_at(item, depth + 1)).collect())
            }
            Value::Mapping(entries) => {
                let entries = entries.iter().map(|entry| Entry {
                    key: entry.key.clone(),
                    key_at: entry.key_at,
                    value: self.resolve_at(&entry.value, depth + 1),
                });
                Value::Mapping(entries.collect())
            }
            other => other.clone(),
        };
        Node::new(node.at, value)
    }

    fn evaluated(&self, text: &str, node: &Node, depth: usize) -> Node {
        if let Some(literal) = text.strip_prefix("[[") {
            return Node::new(node.at, plain(&format!("[{literal}")));
        }
        let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return node.clone() };
        let mut parser = Parser { rest: inner, context: self, depth };
        let value = parser.value();
        match value {
            Some(value) if parser.rest.trim().is_empty() => Node::new(node.at, value.value),
            // An expression of another kind: its text names what has to be supplied.
            _ => Node::new(node.at, plain(&unknown(inner))),
        }
    }

    fn parameter(&self, name: &str, depth: usize) -> Option<Node> {
        let given = self.given.iter().find_map(|file| lookup(file, name)?.get("value"));
        let default = || lookup(self.parameters?, name)?.get("defaultValue");
        let value = given.or_else(default).filter(|node| !is_blank(node))?;
        Some(self.resolve_at(value, depth + 1))
    }
}

/// Names of parameters and variables have no case.
fn lookup<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(name)).map(|entry| &entry.value)
}

fn is_blank(node: &Node) -> bool {
    matches!(node.value, Value::Null) || node.as_text().is_some_and(str::is_empty)
}

fn plain(text: &str) -> Value {
    Value::Text { text: text.to_owned(), plain: false }
}

/// The place of a value that only a deployment knows.
fn unknown(name: &str) -> String {
    format!("{OPEN}{}{CLOSE}", names::variable(name))
}

struct Parser<'t, 'c> {
    rest: &'t str,
    context: &'c Context<'c>,
    depth: usize,
}

impl Parser<'_, '_> {
    fn value(&mut self) -> Option<Node> {
        if self.depth > DEEPEST {
            return None;
        }
        self.depth += 1;
        let value = self.term();
        self.depth -= 1;
        value
    }

    fn term(&mut self) -> Option<Node> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('\'') {
            return self.string().map(|text| node(&text));
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-'))?;
        let name = &self.rest[..end];
        if name.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            self.rest = &self.rest[end..];
            return Some(node(name));
        }
        let after = self.rest[end..].trim_start().strip_prefix('(')?;
        let name = name.to_ascii_lowercase();
        self.rest = after;
        let arguments = self.arguments()?;
        let value = self.call(&name, &arguments)?;
        Some(self.members(value, arguments.first().and_then(Node::as_text).unwrap_or(&name)))
    }

    /// `'it''s'`
    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut rest = self.rest.strip_prefix('\'')?;
        loop {
            let (part, after) = rest.split_once('\'')?;
            text.push_str(part);
            if let Some(more) = after.strip_prefix('\'') {
                text.push('\'');
                rest = more;
            } else {
                self.rest = after;
                return Some(text);
            }
        }
    }

    fn arguments(&mut self) -> Option<Vec<Node>> {
        let mut arguments = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(after) = self.rest.strip_prefix(')') {
                self.rest = after;
                return Some(arguments);
            }
            if !arguments.is_empty() {
                self.rest = self.rest.strip_prefix(',')?;
            }
            arguments.push(self.value()?);
        }
    }

    /// `.name` and `['name']` behind a call.
    fn members(&mut self, mut value: Node, root: &str) -> Node {
        let mut path = root.to_owned();
        loop {
            let name = if let Some(after) = self.rest.strip_prefix('.') {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                let name = after[..end].to_owned();
                self.rest = &after[end..];
                name
            } else if let Some(after) = self.rest.strip_prefix("['") {
                let Some((name, after)) = after.split_once("']") else { return value };
                self.rest = after;
                name.to_owned()
            } else {
                return value;
            };
            path = format!("{path}_{name}");
            value = lookup(&value, &name).cloned().unwrap_or_else(|| node(&unknown(&path)));
        }
    }

    fn call(&self, name: &str, arguments: &[Node]) -> Option<Node> {
        let texts: Vec<String> = arguments.iter().map(as_text).collect();
        Some(match name {
            "parameters" => {
                let name = texts.first()?;
                self.context.parameter(name, self.depth).unwrap_or_else(|| node(&unknown(name)))
            }
            "variables" => {
                let found = self.context.variables.and_then(|all| lookup(all, texts.first()?));
                found.map_or_else(
                    || node(&unknown(&texts.concat())),
                    |value| self.context.resolve_at(value, self.depth + 1),
                )
            }
            "concat" => node(&texts.concat()),
            "format" => node(&formatted(texts.split_first()?)),
            "tolower" => node(&texts.first()?.to_lowercase()),
            "toupper" => node(&texts.first()?.to_uppercase()),
            "string" | "trim" => node(texts.first()?.trim()),
            "replace" => match &texts[..] {
                [text, old, new] if !old.is_empty() => node(&text.replace(old.as_str(), new)),
                _ => return None,
            },
            "uri" => match &texts[..] {
                [base, path] => node(&format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))),
                _ => return None,
            },
            "base64tostring" => node(&String::from_utf8(STANDARD.decode(texts.first()?).ok()?).ok()?),
            "base64" => node(&STANDARD.encode(texts.first()?)),
            "null" => Node::new(crate::document::Mark::START, Value::Null),
            "coalesce" => arguments.iter().find(|one| !matches!(one.value, Value::Null))?.clone(),
            "if" => match arguments {
                [test, yes, no] => if truth(test)? { yes } else { no }.clone(),
                _ => return None,
            },
            _ if is_test(name) => node(if test(name, arguments, &texts)? { "true" } else { "false" }),
            "resourceid" | "extensionresourceid" | "subscriptionresourceid" => node(&resource_id(&texts)),
            _ => return None,
        })
    }
}

fn node(text: &str) -> Node {
    Node::new(crate::document::Mark::START, plain(text))
}

/// Functions that say yes or no.
fn is_test(name: &str) -> bool {
    ["equals", "not", "and", "or", "empty", "contains", "startswith", "endswith", "bool", "true", "false"]
        .contains(&name)
}

fn test(name: &str, arguments: &[Node], texts: &[String]) -> Option<bool> {
    let two = || Some((texts.first()?, texts.get(1)?));
    Some(match name {
        "true" | "false" => name == "true",
        "bool" => truth(arguments.first()?)?,
        "not" => !truth(arguments.first()?)?,
        "and" => arguments.iter().map(truth).collect::<Option<Vec<_>>>()?.into_iter().all(|one| one),
        "or" => arguments.iter().map(truth).collect::<Option<Vec<_>>>()?.into_iter().any(|one| one),
        "empty" if is_open(texts.first()?) => return None,
        "empty" => matches!(texts.first()?.as_str(), "" | "[]" | "{}"),
        _ if texts.iter().any(|text| is_open(text)) => return None,
        "equals" => two().map(|(one, other)| one == other)?,
        "startswith" => two().map(|(text, part)| text.to_lowercase().starts_with(&part.to_lowercase()))?,
        "endswith" => two().map(|(text, part)| text.to_lowercase().ends_with(&part.to_lowercase()))?,
        _ => two().map(|(text, part)| text.contains(part.as_str()))?,
    })
}

/// Whether a text has a part that only the deployment knows.
fn is_open(text: &str) -> bool {
    text.contains(OPEN)
}

/// A switch, where it is known.
fn truth(node: &Node) -> Option<bool> {
    match as_text(node).to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn as_text(node: &Node) -> String {
    match &node.value {
        Value::Text { text, .. } => text.clone(),
        Value::Null => String::new(),
        _ => node.to_json().to_string(),
    }
}

/// `format('{0}/{1}', a, b)`
fn formatted((pattern, values): (&String, &[String])) -> String {
    values.iter().enumerate().fold(pattern.clone(), |text, (at, value)| text.replace(&format!("{{{at}}}"), value))
}

/// The type's parts and the names in turn, as Azure writes ids: `/apis/echo/operations/get`.
fn resource_id(texts: &[String]) -> String {
    let Some(at) = texts.iter().position(|text| text.contains('/') && text.starts_with("Microsoft.")) else {
        return texts.join("/");
    };
    let kinds = texts[at].split('/').skip(1);
    kinds.zip(&texts[at + 1..]).flat_map(|(kind, name)| ["/", kind, "/", name]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Format, read};

    fn resolved(text: &str) -> String {
        let template = r#"{"parameters": {"Svc": {"type": "string"}, "o": {"defaultValue": {"url": "https://x"}}, "p": {"defaultValue": "[concat('a', variables('v'))]"}},
            "variables": {"v": "b", "loop": "[variables('loop')]"}}"#;
        let template = read(template, Format::Json).expect("JSON");
        let given = [read(r#"{"g": {"value": "given"}}"#, Format::Json).expect("JSON")];
        let context =
            Context { parameters: template.get("parameters"), variables: template.get("variables"), given: &given };
        as_text(&context.resolve(&node(text))).replace(OPEN, "<").replace(CLOSE, ">")
    }

    #[test]
    fn names_and_values_are_computed() {
        let rows = [
            ("plain", "plain"),
            ("[[not]", "[not]"),
            ("[concat(parameters('svc'), '/echo-api')]", "<SVC>/echo-api"),
            ("[concat('it''s ', parameters('G'))]", "it's given"),
            ("[parameters('o').url]", "https://x"),
            ("[parameters('o')['url']]", "https://x"),
            ("[parameters('o').none]", "<O_NONE>"),
            ("[parameters('none').a]", "<NONE_A>"),
            ("[parameters('p')]", "ab"),
            ("[format('{0}/{1}', 'a', 'b')]", "a/b"),
            ("[toLower('AB')]", "ab"),
            ("[resourceId('Microsoft.ApiManagement/service/apis', 's', 'a')]", "/service/s/apis/a"),
            ("[if(equals(parameters('g'), 'given'), 'yes', 'no')]", "yes"),
            ("[if(not(empty(parameters('g'))), parameters('g'), variables('v'))]", "given"),
            ("[if(and(bool('true'), or(false(), startsWith('Abc', 'a'))), 1, 2)]", "1"),
            ("[if(equals(parameters('svc'), 'x'), 'yes', 'no')]", "<IF_EQUALS_PARAMETERS__SVC_____X_____YES____NO__>"),
            ("[replace('a-b', '-', '/')]", "a/b"),
            ("[uri('https://a/', '/b')]", "https://a/b"),
            ("[coalesce(null(), 'x')]", "x"),
            ("[base64ToString('aGk=')]", "hi"),
            ("[resourceGroup().location]", "<RESOURCEGROUP___LOCATION>"),
            ("[concat('a'", "[concat('a'"),
        ];
        for (text, wanted) in rows {
            assert_eq!(resolved(text), wanted, "{text}");
        }
        assert!(!resolved("[variables('loop')]").is_empty(), "a variable that names itself ends somewhere");
    }
}
