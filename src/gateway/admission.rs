//! stub
use crate::exchange::Fault;
/// stub
pub fn admit(_: &http::request::Parts) -> Result<(), Fault> {
    Ok(())
}
