//! The parts of a run that are processes of their own: this binary, started again with a role.

use tokio::net::TcpListener;
use tollgate::cli::bench::{
    load::{self, AnyError, Order},
    provider,
};

/// Where the mock provider listens.
pub const MOCK: &str = "127.0.0.1:19100";

/// The mock provider, on one thread, until it is killed.
pub fn mock() -> Result<(), AnyError> {
    single_threaded()?.block_on(async { Ok(provider::serve(TcpListener::bind(MOCK).await?).await?) })
}

/// The load driver, on one thread: runs one order given as JSON and prints what was seen as JSON.
pub fn load(order: &str) -> Result<(), AnyError> {
    let order: Order = serde_json::from_str(order)?;
    let seen = single_threaded()?.block_on(load::drive(order, || println!("open")))?;
    println!("{}", serde_json::to_string(&seen)?);
    Ok(())
}

fn single_threaded() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
