//! `tollgate reload`: the running server reads its configuration again.

use serde_json::json;

use super::{
    args::Global,
    client::Client,
    exit::{Exit, Failure},
    print,
};

/// Runs the command.
pub async fn run(global: &Global) -> Result<(), Failure> {
    if global.offline {
        return Err(Failure::new(Exit::Usage, "reload needs a running server; --offline has nothing to reload"));
    }
    let answer = Client::connect(global)?.post("reload", &json!({})).await?;
    if global.output == print::Format::Table {
        print::say("The configuration was read again and is in use.");
        return Ok(());
    }
    Ok(print::data(&print::render_one(global.output, &answer))?)
}
