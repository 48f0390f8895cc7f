//! The one table of types and members: what the checker accepts, what the evaluator calls, what the manual lists.
//!
//! A row is an owner, a signature in words and a function. In signatures `[x]` is optional, `...` any number more;
//! results `T` (element), `G` (generic argument), `R` (result of the lambda), `K` and `V` (key and value of a
//! dictionary), `this` (type of the receiver).

#![expect(clippy::unnecessary_wraps, reason = "every function of the table has the type `Native`")]

mod array;
mod body;
mod builder;
mod call;
mod certificate;
mod collection;
mod context;
mod convert;
mod crypto;
mod date;
mod distinguished;
mod encoding;
mod json;
mod json_make;
mod json_merge;
mod json_path;
mod json_places;
mod jwt;
mod linq;
mod linq_join;
mod linq_order;
mod list;
mod math;
mod net;
mod number_format;
mod queue;
mod regex;
mod set;
mod string;
mod string_static;
mod tuple;
mod uri;
mod xml;
mod xml_change;
mod xml_reader;
mod zone;

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write,
    sync::OnceLock,
};

pub(super) use builder::{length_of, set_length};
pub(super) use call::{SORTED, bytes_of};
pub(super) use convert::parse_text;
pub(super) use json_make::content_of;
pub(super) use number_format::format_value;
pub(super) use regex::group_of;
pub(super) use uri::query_rows;
pub(super) use xml::set_xml_value;
pub(super) use xml_reader::Walk;

use super::{
    Fact, Thrown, Value,
    check::PARTS,
    eval::Machine,
    types::{Kind, Type},
};

/// A call on its way into the library.
pub(super) struct Call<'c, 'h> {
    pub(super) machine: &'c mut Machine<'h>,
    pub(super) this: Value,
    pub(super) args: Vec<Value>,
    /// The generic argument, or for a constructor the type.
    pub(super) generic: Kind,
    /// What a generic argument holds: `int` of `List<int>`.
    pub(super) element: Kind,
    /// Whether the generic argument is nullable.
    pub(super) nullable: bool,
    /// What an `out` argument receives.
    pub(super) out: Value,
}

/// A function of the library.
pub(super) type Native = fn(&mut Call<'_, '_>) -> Result<Value, Thrown>;

/// A row of the table.
pub(super) struct Row {
    owner: Kind,
    is_static: bool,
    signature: &'static str,
    native: Native,
}

const fn member(owner: Kind, signature: &'static str, native: Native) -> Row {
    Row { owner, is_static: false, signature, native }
}

const fn fixed(owner: Kind, signature: &'static str, native: Native) -> Row {
    Row { owner, is_static: true, signature, native }
}

/// A row as the checker reads it.
pub(super) struct Member {
    pub(super) owner: Kind,
    pub(super) name: &'static str,
    pub(super) is_property: bool,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) result: &'static str,
    pub(super) native: Native,
    signature: &'static str,
    is_static: bool,
}

impl Member {
    fn of(row: &Row) -> Self {
        let colon = row.signature.rfind(": ").map_or(row.signature.len(), |at| at);
        let result = row.signature.get(colon + 2..).unwrap_or("object");
        let head = &row.signature[..colon];
        let (name, list) = match head.split_once('(') {
            Some((name, list)) => (name, Some(list.trim_end_matches(')'))),
            None => (head, None),
        };
        let items: Vec<_> = list.unwrap_or("").split(", ").filter(|item| !item.is_empty()).collect();
        let endless = items.contains(&"...");
        let least = items.iter().filter(|item| !item.starts_with('[') && **item != "...").count();
        let most = if endless { usize::MAX } else { items.len() };
        let (is_property, is_static) = (list.is_none(), row.is_static);
        let (owner, native, signature) = (row.owner, row.native, row.signature);
        Self { owner, name, is_property, least, most, result, native, signature, is_static }
    }
}

const TABLES: &[&[Row]] = &[
    string::ROWS,
    builder::ROWS,
    string_static::ROWS,
    convert::ROWS,
    math::ROWS,
    date::ROWS,
    date::SPAN_ROWS,
    zone::ROWS,
    encoding::ROWS,
    linq::ROWS,
    linq_order::ROWS,
    collection::ROWS,
    list::ROWS,
    queue::ROWS,
    set::ROWS,
    json::ROWS,
    json_make::ROWS,
    json_merge::ROWS,
    json_places::ROWS,
    array::ROWS,
    linq_join::ROWS,
    net::ROWS,
    tuple::ROWS,
    xml_change::ROWS,
    regex::ROWS,
    uri::ROWS,
    xml::ROWS,
    xml_reader::ROWS,
    crypto::ROWS,
    certificate::ROWS,
    distinguished::ROWS,
    jwt::ROWS,
    body::ROWS,
    context::ROWS,
];

struct Table {
    members: Vec<Member>,
    /// By owner, whether static, whether a property, name.
    index: HashMap<(Kind, bool, bool, &'static str), usize>,
    names: HashMap<&'static str, &'static str>,
    by_name: HashMap<&'static str, Vec<usize>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let members: Vec<_> = TABLES.iter().flat_map(|rows| rows.iter()).map(Member::of).collect();
        let mut by_name: HashMap<_, Vec<usize>> = HashMap::new();
        let mut index = HashMap::new();
        for (at, member) in members.iter().enumerate() {
            index.insert((member.owner, member.is_static, member.is_property, member.name), at);
            if !member.is_static {
                by_name.entry(member.name).or_default().push(at);
            }
        }
        let names = members.iter().map(|member| (member.name, member.name)).collect();
        Table { members, index, names, by_name }
    })
}

/// The method of that name on a type or what it derives from.
pub(super) fn method(kind: Kind, is_static: bool, name: &str) -> Option<&'static Member> {
    find(kind, (is_static, false), name)
}

/// The property of that name on a type or what it derives from.
pub(super) fn property(kind: Kind, is_static: bool, name: &str) -> Option<&'static Member> {
    find(kind, (is_static, true), name)
}

fn find(kind: Kind, how: (bool, bool), name: &str) -> Option<&'static Member> {
    let table = table();
    // The table's names live forever; a borrowed name only serves the lookup.
    let own = table.names.get(name)?;
    lookup(table, kind, how, own)
}

fn lookup(table: &'static Table, kind: Kind, how: (bool, bool), name: &'static str) -> Option<&'static Member> {
    let at = |kind| table.index.get(&(kind, how.0, how.1, name)).and_then(|at| table.members.get(*at));
    // `Enumerable.Empty` is no static of `string`.
    let parents = kind.parents().iter().filter(|parent| !(how.0 && **parent == Kind::Enumerable));
    let inherited = || parents.clone().find_map(|parent| lookup(table, *parent, how, name));
    at(kind).or_else(inherited).or_else(|| at(Kind::Object))
}

/// The methods or properties of that name of all types, for receivers whose type is only known later.
pub(super) fn candidates(name: &str, properties: bool) -> Vec<&'static Member> {
    let table = table();
    let all = table.by_name.get(name).into_iter().flatten().filter_map(|at| table.members.get(*at));
    all.filter(|member| member.is_property == properties).collect()
}

/// The member among `candidates` that a value of `kind` has; the nearest of its types wins.
pub(super) fn pick(candidates: &[&'static Member], kind: Kind) -> Option<&'static Member> {
    if let Some(found) = candidates.iter().find(|member| member.owner == kind) {
        return Some(found);
    }
    let inherited = kind.parents().iter().find_map(|parent| pick(candidates, *parent));
    inherited.or_else(|| candidates.iter().find(|member| member.owner == Kind::Object).copied())
}

/// Names of all members of values.
pub(super) fn all_names() -> impl Iterator<Item = &'static str> {
    table().by_name.keys().copied()
}

/// Names of members of a type, for "did you mean".
pub(super) fn names_of(kind: Kind, is_static: bool) -> BTreeSet<&'static str> {
    let open = kind.is_open();
    let fits = |member: &&Member| member.is_static == is_static && (open || kind.is_a(member.owner));
    table().members.iter().filter(fits).map(|member| member.name).filter(|name| *name != "new").collect()
}

/// The result of a member in terms of its receiver, generic argument and lambda.
pub(super) fn result_type(spec: &str, this: &Type, generic: &Type, lambda: &Type) -> Type {
    if let Some(inner) = spec.strip_suffix("[]") {
        return result_type(inner, this, generic, lambda).array();
    }
    if let Some((name, rest)) = spec.split_once('<') {
        let inner = rest.strip_suffix('>').unwrap_or(rest);
        let parts = split_top(inner);
        let args = parts.iter().map(|part| result_type(part, this, generic, lambda)).collect();
        return Type::of(Kind::by_name(name).unwrap_or(Kind::Unknown), args);
    }
    match spec {
        "this" => this.clone(),
        "T" => this.element(),
        "K" => this.arg(0),
        "V" if this.kind == Kind::KeyValuePair || this.kind == Kind::Dictionary => this.arg(1),
        "G" => generic.clone(),
        "R" => lambda.clone(),
        "S" => lambda.element(),
        "byte" => Type::plain(Kind::Byte),
        "object" => Type::UNKNOWN,
        name => Kind::by_name(name).map_or(Type::UNKNOWN, Type::plain),
    }
}

fn split_top(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

/// The manual's list of types and members, in Markdown, generated from the table.
pub fn catalogue() -> String {
    let mut out = String::new();
    let mut kinds: Vec<_> =
        Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::Null | Kind::Void | Kind::Unknown)).collect();
    kinds.sort_by_key(|kind| kind.name().to_ascii_lowercase());
    for kind in kinds {
        let mut lines: Vec<_> = table().members.iter().filter(|member| member.owner == *kind).map(line).collect();
        lines.extend(kind.members().iter().map(|(name, _)| format!("{}.{name}", kind.name())));
        lines.extend(facts_of(*kind));
        if !lines.is_empty() {
            lines.sort();
            // `ServiceUrl` is a fact that a function of the library presents.
            lines.dedup();
            let lines: Vec<_> = lines.iter().map(|line| format!("* `{line}`")).collect();
            // Writing to a `String` cannot fail.
            write!(out, "### {}\n\n{}\n\n", kind.name(), lines.join("\n")).unwrap_or_default();
        }
    }
    out
}

/// The members of an object of `context` that are no functions of the library.
fn facts_of(kind: Kind) -> impl Iterator<Item = String> {
    let facts = Fact::ALL.iter().map(|fact| fact.declaration()).filter(move |fact| Kind::of_part(fact.0) == kind);
    let parts = PARTS.iter().filter(move |part| part.0 == kind);
    let facts = facts.map(|(_, name, of)| format!("{name}: {of}"));
    facts.chain(parts.map(|(_, name, handle)| format!("{name}: {}", handle.kind().name())))
}

fn line(member: &Member) -> String {
    match (member.is_static, member.name) {
        (true, "new") => format!("new {}{}", member.owner.name(), member.signature.trim_start_matches("new")),
        (true, _) => format!("{}.{}", member.owner.name(), member.signature),
        (false, _) => member.signature.to_owned(),
    }
}
