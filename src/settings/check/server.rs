//! Rules of the process: ports, times, sizes, database.

use std::{net::SocketAddr, time::Duration};

use super::{Report, text};
use crate::{
    model::HumanDuration,
    settings::{Database, Server, shared_state},
};

/// Checks the process's settings.
pub fn check(server: &Server, report: &mut Report<'_>) {
    if clash(server.gateway.listen, server.console.listen) {
        let message =
            format!("gateway and console both listen on port {}; give them two ports", server.gateway.listen.port());
        report.error("server.console.listen", message);
    }
    times(server, report);
    sizes(server, report);
    if let Some(Err(message)) = server.database.as_ref().map(|database| Database::parse(database.expose())) {
        report.error("server.database", message);
    }
    if let Some(Err(message)) = server.shared_state.as_ref().map(|url| shared_state::parse(url.expose())) {
        report.error("server.shared_state", message);
    }
    if let Some(otlp) = &server.otlp
        && let Err(message) = text::base_url(&otlp.endpoint)
    {
        report.error("server.otlp.endpoint", message);
    }
}

/// Whether two listeners want one port: on the same address, or one of them on all.
fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && overlap
}

fn times(server: &Server, report: &mut Report<'_>) {
    let gateway = &server.gateway;
    let times = [
        ("header_timeout", gateway.header_timeout),
        ("body_timeout", gateway.body_timeout),
        ("keep_alive", gateway.keep_alive),
        ("write_timeout", gateway.write_timeout),
    ];
    for (name, HumanDuration(time)) in times {
        if time == Duration::ZERO {
            report
                .error(&format!("server.gateway.{name}"), "0 would end every connection at once; write a longer time");
        }
    }
}

fn sizes(server: &Server, report: &mut Report<'_>) {
    let gateway = &server.gateway;
    let counts = [
        ("max_connections", gateway.max_connections as u64),
        ("max_connections_per_ip", gateway.max_connections_per_ip as u64),
        ("max_concurrent_streams", u64::from(gateway.max_concurrent_streams)),
        ("max_body_size", gateway.max_body_size.0),
    ];
    for (name, count) in counts {
        if count == 0 {
            report.error(&format!("server.gateway.{name}"), "0 would refuse everything; write a larger number");
        }
    }
    if !(4 << 10..=16 << 20).contains(&gateway.max_header_size.0) {
        let message = format!("{} is not between 4KiB and 16MiB", gateway.max_header_size);
        report.error("server.gateway.max_header_size", message);
    }
    if gateway.replay_buffer > gateway.max_body_size {
        report.warn("server.gateway.replay_buffer", "larger than `max_body_size`: the rest is never used");
    }
}
