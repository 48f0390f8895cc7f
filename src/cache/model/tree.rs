//! A request body as a tree that can be hashed: with the order of members where it may matter to a model, and
//! without where it cannot.
//!
//! Two members of one name are refused at any depth: which of them counts is the backend's choice, and what was
//! compared must be what was asked.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::key::Writer;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number from 0.
    Natural(u64),
    /// A negative whole number.
    Negative(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Members in their order.
    Object(Vec<(String, Tree)>),
    /// Where the last user text was.
    Cut,
}

/// Members whose own order of members reaches the model or decides the form of its answer: schemas above all.
const ORDERED: [&str; 10] = [
    "tools",
    "functions",
    "response_format",
    "text",
    "generationConfig",
    "generation_config",
    "toolConfig",
    "tool_config",
    "output_format",
    "output_config",
];

impl Tree {
    /// The member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The member of that name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        let Self::Object(members) = self else { return None };
        members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Its text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Its items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// Its value, if it is a number.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "temperatures and counts are small")]
            Self::Natural(number) => Some(*number as f64),
            #[expect(clippy::cast_precision_loss, reason = "temperatures and counts are small")]
            Self::Negative(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it says something: not `null`, `false`, 0, empty.
    #[must_use]
    pub fn is_set(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Natural(0) => false,
            Self::List(items) => !items.is_empty(),
            Self::Object(members) => !members.is_empty(),
            _ => true,
        }
    }

    /// Takes a member of the top level out.
    pub fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(key, _)| key != name);
        }
    }

    /// Writes it into a key.
    pub fn write(&self, writer: &mut Writer) {
        self.write_as(writer, false);
    }

    fn write_as(&self, writer: &mut Writer, is_ordered: bool) {
        match self {
            Self::Null => writer.tag(0),
            Self::Bool(value) => writer.tag(1 + u8::from(*value)),
            Self::Natural(number) => {
                writer.tag(3);
                writer.number(*number);
            }
            Self::Negative(number) => {
                writer.tag(4);
                writer.number(number.unsigned_abs());
            }
            Self::Float(number) => {
                writer.tag(5);
                writer.number(number.to_bits());
            }
            Self::Text(text) => {
                writer.tag(6);
                writer.text(text);
            }
            Self::List(items) => {
                writer.tag(7);
                writer.number(items.len() as u64);
                for item in items {
                    item.write_as(writer, is_ordered);
                }
            }
            Self::Object(members) => write_members(members, writer, is_ordered),
            Self::Cut => writer.tag(9),
        }
    }
}

fn write_members(members: &[(String, Tree)], writer: &mut Writer, is_ordered: bool) {
    writer.tag(8);
    writer.number(members.len() as u64);
    let mut members: Vec<&(String, Tree)> = members.iter().collect();
    if !is_ordered {
        members.sort_by(|a, b| a.0.cmp(&b.0));
    }
    for (key, value) in members {
        writer.text(key);
        value.write_as(writer, is_ordered || ORDERED.contains(&key.as_str()));
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Natural(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(u64::try_from(number).map_or(Tree::Negative(number), Tree::Natural))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members: Vec<(String, Tree)> = Vec::new();
        while let Some(member) = map.next_entry::<String, Tree>()? {
            members.push(member);
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(A::Error::custom("a member twice"));
        }
        Ok(Tree::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> super::super::Key {
        let tree: Tree = serde_json::from_str(text).expect("JSON");
        let mut writer = Writer::new("t");
        tree.write(&mut writer);
        writer.finish()
    }

    #[test]
    fn order_counts_only_where_a_model_sees_it() {
        let same = [
            (r#"{"a":1,"b":{"c":2,"d":3}}"#, r#"{ "b": {"d":3, "c":2}, "a":1 }"#),
            (r#"{"messages":[{"role":"user","content":"x"}]}"#, r#"{"messages":[{"content":"x","role":"user"}]}"#),
            (r#"{"a":"é"}"#, r#"{"a":"\u00e9"}"#),
        ];
        for (one, other) in same {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        let other = [
            (r#"{"tools":[{"a":1,"b":2}]}"#, r#"{"tools":[{"b":2,"a":1}]}"#),
            (r#"{"response_format":{"schema":{"a":1,"b":2}}}"#, r#"{"response_format":{"schema":{"b":2,"a":1}}}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":null}"#, "{}"),
            (r#"{"a":1}"#, r#"{"a":1.5}"#),
            (r#"{"a":1}"#, r#"{"a":-1}"#),
            (r#"{"a":[[],1]}"#, r#"{"a":[[1]]}"#),
        ];
        for (one, two) in other {
            assert_ne!(key(one), key(two), "{one} {two}");
        }
    }

    #[test]
    fn two_members_of_one_name_are_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"m":[{"a":1,"\u0061":2}]}"#] {
            assert!(serde_json::from_str::<Tree>(text).is_err(), "{text}");
        }
    }
}
