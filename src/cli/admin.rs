//! `tollgate admin`: sign-in links, tokens, backup, restore, migrate. All of them work on the configured database,
//! beside a running server or without one; whoever can read it is an administrator anyway.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use super::{
    args::{Admin, Global},
    exit::{Exit, Failure},
    place, print,
};
use crate::{
    app::{Env, LocalServer, database::Place},
    model::{Clock, Entropy},
    settings::{Database, Server, server::Tls},
    store::{AdminToken, Store, access},
};

/// Runs the command.
pub async fn run(global: &Global, command: Admin) -> Result<(), Failure> {
    let server = server(global)?;
    let place = Place::of(&server, global.data_dir.as_deref());
    match command {
        Admin::LoginLink => login_link(global, &server, &place).await,
        Admin::Token { name } => token(global, &place, &name).await,
        Admin::Tokens => tokens(global, &place).await,
        Admin::Revoke { name } => revoke(&place, &name).await,
        Admin::Backup { file } => backup(&place, &file).await,
        Admin::Restore { file } => restore(&place, &file).await,
        Admin::Migrate => migrate(&place).await,
    }
}

/// The process settings of the configuration; the defaults when there is none.
fn server(global: &Global) -> Result<Server, Failure> {
    match place::configuration(global)? {
        None => Ok(Server::default()),
        Some(source) => match place::load(&source) {
            Ok(loaded) => Ok(loaded.settings.server),
            // The server's environment may hold what is missing in this one; its folder can be named instead.
            Err(_) if global.data_dir.is_some() => Ok(Server::default()),
            Err(problems) => {
                let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Err(Failure::new(
                    Exit::Configuration,
                    format!("{}\nor name the data folder: --data-dir", list.join("\n")),
                ))
            }
        },
    }
}

async fn login_link(global: &Global, server: &Server, place: &Place) -> Result<(), Failure> {
    let console = match LocalServer::find(&place.data_dir)? {
        Some(local) => local.console,
        None => url(server.console.tls.as_ref(), server.console.listen),
    };
    let store = open(place).await?;
    let link = access::new_link(&*store, &Clock::system(), &Entropy::system()).await;
    store.close().await;
    let link = format!("{console}/login/{}", link?.expose());
    match (global.quiet, global.output) {
        (false, print::Format::Json | print::Format::Yaml | print::Format::Csv) => {
            print::data(&print::render_one(global.output, &json!({ "login_link": link })))?;
        }
        _ => print::data(&format!("{link}\n"))?,
    }
    if !global.quiet {
        print::say("Signs in to the console once, within 30 minutes.");
    }
    Ok(())
}

fn url(tls: Option<&Tls>, address: std::net::SocketAddr) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

async fn token(global: &Global, place: &Place, name: &str) -> Result<(), Failure> {
    let store = open(place).await?;
    let token = access::new_admin_token(&*store, name, &Clock::system(), &Entropy::system()).await;
    store.close().await;
    let token = token?;
    match (global.quiet, global.output) {
        (false, print::Format::Json | print::Format::Yaml | print::Format::Csv) => {
            print::data(&print::render_one(global.output, &json!({ "name": name, "token": token.expose() })))?;
        }
        _ => print::data(&format!("{}\n", token.expose()))?,
    }
    if !global.quiet {
        print::say("Shown once. Use it as TOLLGATE_TOKEN, or as `Authorization: Bearer` on the admin API.");
    }
    Ok(())
}

async fn tokens(global: &Global, place: &Place) -> Result<(), Failure> {
    let store = open(place).await?;
    let tokens = store.admin_tokens().await;
    store.close().await;
    let row = |token: &AdminToken| json!({ "name": token.name, "created": token.created.to_string() });
    let rows: Vec<_> = tokens?.iter().map(row).collect();
    Ok(print::data(&print::render(global.output, &rows, &["name", "created"]))?)
}

async fn revoke(place: &Place, name: &str) -> Result<(), Failure> {
    let store = open(place).await?;
    let known = store.delete_admin_token(name.to_owned()).await;
    store.close().await;
    if !known? {
        let message = format!("there is no administrator's token named `{name}`; `tollgate admin tokens` lists them");
        return Err(Failure::failed(message));
    }
    print::say(&format!("Revoked {name}."));
    Ok(())
}

async fn backup(place: &Place, file: &Path) -> Result<(), Failure> {
    if file.exists() {
        let message = format!("{} exists already; a backup never replaces a file: name another", file.display());
        return Err(Failure::failed(message));
    }
    let store = open(place).await?;
    let done = store.backup(file).await;
    store.close().await;
    done?;
    let key = place.data_dir.join("secret.key");
    print::say(&format!(
        "Wrote {}. Backends' credentials in it stay sealed: keep {} too, elsewhere.",
        file.display(),
        key.display()
    ));
    Ok(())
}

async fn migrate(place: &Place) -> Result<(), Failure> {
    open(place).await?.close().await;
    print::say(&format!("{} has this version's schema.", place.database));
    Ok(())
}

/// Copies the backup beside the database, proves that it opens with this folder's key, then puts it in place.
async fn restore(place: &Place, file: &Path) -> Result<(), Failure> {
    let Some(database) = place.file() else {
        let message =
            format!("{} is put back by PostgreSQL's own tools: pg_restore --clean --dbname=…", place.database);
        return Err(Failure::failed(message));
    };
    let Some(_alone) = place.reserve()? else {
        let message = format!("a server uses {}; stop it first", place.data_dir.display());
        return Err(Failure::failed(message));
    };
    let candidate = database.with_extension("restoring");
    remove_database(&candidate)?;
    copy(file, &candidate).map_err(|error| Failure::failed(format!("cannot copy {}: {error}", file.display())))?;
    let proven = prove(place, &candidate).await;
    if let Err(failure) = proven {
        remove_database(&candidate)?;
        return Err(Failure::new(failure.exit, format!("{} cannot be restored: {}", file.display(), failure.message)));
    }
    remove_logs(database)?;
    fs::rename(&candidate, database)?;
    print::say(&format!("{} is back as it was in {}.", place.database, file.display()));
    Ok(())
}

async fn prove(place: &Place, candidate: &Path) -> Result<(), Failure> {
    let store = open(&Place { database: Database::Sqlite(candidate.to_owned()), ..place.clone() }).await?;
    let picture = store.picture().await;
    store.close().await;
    picture?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut to = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut fs::File::open(from)?, &mut to)?;
    to.sync_all()
}

fn remove_database(path: &Path) -> Result<(), Failure> {
    remove(path)?;
    remove_logs(path)
}

/// A log of the old database applied to the restored one would ruin it.
fn remove_logs(database: &Path) -> Result<(), Failure> {
    for ending in ["-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        remove(&PathBuf::from(name))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Opens a place's database with the process's environment.
pub async fn open(place: &Place) -> Result<Arc<dyn Store>, Failure> {
    Ok(place.open(&Env::process(), &Entropy::system()).await?)
}
