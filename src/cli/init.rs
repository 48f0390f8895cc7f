//! `tollgate init`: a commented configuration to start from.

use std::{fs::OpenOptions, io::Write};

use super::{
    args::Init,
    exit::{Exit, Failure},
    print,
};
use crate::settings::INIT_TEMPLATE;

/// Runs the command.
pub fn run(init: &Init) -> Result<(), Failure> {
    if init.stdout {
        return Ok(print::data(INIT_TEMPLATE)?);
    }
    let path = init.path.display();
    let mut file = OpenOptions::new().write(true).create_new(true).open(&init.path).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::NotAllowed,
            _ => Exit::Failed,
        };
        let fix = "name another file, or use --stdout";
        Failure::new(exit, format!("cannot create {path}: {error}; {fix}"))
    })?;
    file.write_all(INIT_TEMPLATE.as_bytes())?;
    print::say(&format!(
        "Wrote {path}. Edit it, then: tollgate check --config {path} && tollgate serve --config {path}"
    ));
    Ok(())
}
