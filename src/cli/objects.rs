//! `products`, `apis`, `backends`, `pools`, `models`, `users`: one implementation for all kinds of objects.

use std::{
    io::{self, Read},
    path::Path,
};

use serde_json::Value;

use super::{
    args::{Global, Objects, ReadOnly, Write},
    client::Only,
    exit::{Exit, Failure},
    manager::Manager,
    print,
};
use crate::{document::Format, settings::ObjectKind};

/// Runs a command of a kind that can be managed.
pub async fn run(global: &Global, kind: ObjectKind, command: Objects) -> Result<(), Failure> {
    let manager = Manager::open(global).await?;
    let done = manage(global, &manager, kind, command).await;
    manager.close().await;
    done
}

/// Runs a command of a kind that only the configuration file declares.
pub async fn read(global: &Global, kind: ObjectKind, command: ReadOnly) -> Result<(), Failure> {
    let command = match command {
        ReadOnly::List => Objects::List,
        ReadOnly::Show { id } => Objects::Show { id },
    };
    run(global, kind, command).await
}

async fn manage(global: &Global, manager: &Manager, kind: ObjectKind, command: Objects) -> Result<(), Failure> {
    match command {
        Objects::List => list(global, kind, &manager.list(kind).await?),
        Objects::Show { id } => Ok(print::data(&print::render_one(global.output, &manager.get(kind, &id).await?))?),
        Objects::Create(write) => put(global, manager, kind, &write, Only::IfNew).await,
        Objects::Put(write) => put(global, manager, kind, &write, Only::Always).await,
        Objects::Delete { id } => {
            manager.delete(kind, &id).await?;
            print::say(&format!("Deleted {}/{id}.", kind.plural()));
            Ok(())
        }
    }
}

/// Prints a list; `-q`: ids alone.
pub fn list(global: &Global, kind: ObjectKind, rows: &[Value]) -> Result<(), Failure> {
    if global.quiet {
        let ids = rows.iter().filter_map(|row| row[id_field(kind)].as_str());
        return Ok(print::data(&ids.flat_map(|id| [id, "\n"]).collect::<String>())?);
    }
    Ok(print::data(&print::render(global.output, &flat(rows), columns(kind)))?)
}

async fn put(global: &Global, manager: &Manager, kind: ObjectKind, write: &Write, only: Only) -> Result<(), Failure> {
    let object = object(&write.file)?;
    let field = id_field(kind);
    let Some(id) = object[field].as_str().map(str::to_owned) else {
        return Err(Failure::new(Exit::Configuration, format!("{}: `{field}` is missing", write.file.display())));
    };
    let stored = manager.put(kind, &id, &object, only, write.dry_run).await?;
    if write.dry_run {
        print::say(&format!("{}/{id} would be stored; nothing was (--dry-run).", kind.plural()));
    } else if global.quiet {
        print::data(&format!("{id}\n"))?;
    } else {
        print::data(&print::render_one(global.output, &stored))?;
        print::say(&format!("Stored {}/{id}.", kind.plural()));
    }
    Ok(())
}

/// An object from a file, or from standard input for `-`. JSON is YAML too.
fn object(path: &Path) -> Result<Value, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let (name, text) = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(failed)?;
        ("standard input".to_owned(), text)
    } else {
        (path.display().to_string(), std::fs::read_to_string(path).map_err(failed)?)
    };
    let format = Format::of(path).unwrap_or(Format::Yaml);
    parse(&name, &text, format)
}

fn parse(name: &str, text: &str, format: Format) -> Result<Value, Failure> {
    let read = crate::document::read(text, format).map(|node| node.to_json());
    read.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("{name}:{problem}")).collect();
        Failure::new(Exit::Configuration, lines.join("\n"))
    })
}

/// The field that identifies objects of a kind.
const fn id_field(kind: ObjectKind) -> &'static str {
    if matches!(kind, ObjectKind::Model) { "name" } else { "id" }
}

/// What a table shows of each kind.
const fn columns(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Backend => &["id", "kind", "url", "state", "in_flight", "owner"],
        ObjectKind::Pool => &["id", "balance", "session_affinity", "members", "owner"],
        ObjectKind::Model => &["name", "pool", "backend", "upstream_model", "owner"],
        ObjectKind::Product => &["id", "title", "approval", "apis", "models", "owner"],
        ObjectKind::Subscription => &["id", "product", "scope", "state", "expires", "last_used", "owner"],
        ObjectKind::Api => &["id", "kind", "path", "backend", "pool", "owner"],
        ObjectKind::Workspace | ObjectKind::Group => &["id", "title"],
        ObjectKind::User => &["id", "name", "email", "groups", "blocked"],
        ObjectKind::NamedValue => &["id", "value", "secret", "owner"],
        ObjectKind::PolicyFragment => &["id", "description", "owner"],
        ObjectKind::Certificate => &["id", "file", "key_file", "key_set", "owner"],
        ObjectKind::TokenSource => &["id", "token_url", "client_id", "resources", "default", "owner"],
        ObjectKind::Logger => &["id", "url", "file", "owner"],
        ObjectKind::Price => &["id", "model", "backend", "kind", "input", "output", "valid_from", "valid_to", "owner"],
    }
}

/// Rows with what the server knows of them (`meta`) beside their settings, and a pool's members by name.
fn flat(rows: &[Value]) -> Vec<Value> {
    rows.iter().cloned().map(flat_row).collect()
}

fn flat_row(mut row: Value) -> Value {
    let meta = row["meta"].take();
    for (name, value) in [
        ("state", &meta["status"]["state"]),
        ("in_flight", &meta["status"]["in_flight"]),
        ("last_used", &meta["last_used"]),
        ("owner", &meta["owner"]),
    ] {
        if !value.is_null() {
            row[name] = value.clone();
        }
    }
    if let Some(members) = row["members"].as_array() {
        row["members"] = members.iter().map(|member| member["backend"].clone()).collect();
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn live_status_and_members_become_columns() {
        let rows = [
            json!({"id": "a", "meta": {"status": {"state": "open", "in_flight": 3}}}),
            json!({"id": "p", "members": [{"backend": "a"}, {"backend": "b"}]}),
        ];
        let text = print::render(print::Format::Csv, &flat(&rows), &["id", "state", "in_flight", "members"]);
        assert_eq!(text, "id,state,in_flight,members\r\na,open,3,\r\np,,,\"[\"\"a\"\",\"\"b\"\"]\"\r\n");
    }

    #[test]
    fn objects_are_read_from_yaml_and_json() {
        assert_eq!(parse("x", "id: a\napis: [b]\n", Format::Yaml).expect("read"), json!({"id": "a", "apis": ["b"]}));
        assert_eq!(parse("x", r#"{"id":"a"}"#, Format::Json).expect("read"), json!({"id": "a"}));
        let failure = parse("x.yaml", "id: [", Format::Yaml).expect_err("broken");
        assert_eq!(failure.exit, Exit::Configuration);
        assert!(failure.message.starts_with("x.yaml:"), "{}", failure.message);
    }
}
