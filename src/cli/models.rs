//! `models`: objects like the others, and their prices.

use std::{io::Read, path::Path};

use serde_json::{Value, json};

use super::{
    args::{Global, Models, Prices},
    client::Only,
    exit::{Exit, Failure},
    manager::Manager,
    models_count, objects, print,
};
use crate::{pricing, settings::ObjectKind};

/// The price that holds a table which was given.
const TABLE: &str = "genai-prices";

/// Runs the command.
pub async fn run(global: &Global, command: Models) -> Result<(), Failure> {
    match command {
        Models::Objects(command) => objects::run(global, ObjectKind::Model, command).await,
        Models::Count(asked) => models_count::run(global, &asked),
        Models::Prices(asked) => {
            let manager = Manager::open(global).await?;
            let done = prices(global, &manager, &asked).await;
            manager.close().await;
            done
        }
    }
}

async fn prices(global: &Global, manager: &Manager, asked: &Prices) -> Result<(), Failure> {
    if let Some(file) = &asked.from {
        take_over(manager, file).await?;
    } else if asked.built_in {
        manager.delete(ObjectKind::Price, TABLE).await?;
        print::say("The built-in table of prices is in use again.");
    }
    let list = manager.price_list().await?;
    let of_model = |row: &&Value| asked.model.as_ref().is_none_or(|model| row["model"] == json!(model));
    let rows: Vec<Value> = list["items"].as_array().into_iter().flatten().filter(of_model).cloned().collect();
    if let Some(model) = asked.model.as_ref().filter(|_| rows.is_empty()) {
        return Err(Failure::failed(format!("there is no model `{model}`; `tollgate models list` shows them")));
    }
    let columns =
        ["model", "backend", "upstream_model", "input", "cached_input", "output", "per_request", "price_version"];
    print::data(&print::render(global.output, &rows, &columns))?;
    for row in rows.iter().filter(|row| row["is_priced"] == json!(false)) {
        let (model, backend) = (plain(&row["model"]), plain(&row["backend"]));
        print::say(&format!("{model} at {backend} has no price: its calls are unpriced (see `prices` in the manual)"));
    }
    Ok(())
}

/// Checks the table here, so that what is wrong is said at once, and stores it.
async fn take_over(manager: &Manager, file: &Path) -> Result<(), Failure> {
    let table = pricing::compact(&read(file)?)
        .map_err(|message| Failure::new(Exit::Configuration, format!("{}: {message}", file.display())))?;
    let object = json!({ "id": TABLE, "table": table.text });
    manager.put(ObjectKind::Price, TABLE, &object, Only::Always, false).await?;
    print::say(&format!("The table in {} is in use: {} models.", file.display(), table.models));
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
