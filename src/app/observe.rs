//! Telemetry as the settings ask for it.

use std::sync::Arc;

use super::{Options, StartProblem};
use crate::{
    outbound::side,
    settings::{Server, server::LogFormat},
    telemetry::{AccessLog, Format, Metrics, Otlp, Telemetry},
};

/// Opens metrics, access log and export of traces.
pub fn open(server: &Server, options: &Options) -> Result<Arc<Telemetry>, StartProblem> {
    let metrics = Metrics::default();
    let access = access_log(server, options, &metrics)?;
    let otlp = server.otlp.as_ref().map(|otlp| {
        let client = side::client().map_err(|error| StartProblem::Failed(error.to_string()))?;
        Otlp::start(&otlp.endpoint, otlp.sample, client, &metrics)
            .map_err(|error| StartProblem::Configuration(vec![error.to_string()]))
    });
    Ok(Arc::new(Telemetry { metrics, access, otlp: otlp.transpose()? }))
}

fn access_log(server: &Server, options: &Options, metrics: &Metrics) -> Result<AccessLog, StartProblem> {
    let path = server.access_log.path.as_deref();
    let format = match server.access_log.format {
        LogFormat::Off => return Ok(AccessLog::off()),
        LogFormat::Human => Format::Human,
        LogFormat::Auto if path.is_none() && options.terminal => Format::Human,
        LogFormat::Json | LogFormat::Auto => Format::Json,
    };
    AccessLog::open(format, path, metrics).map_err(|error| {
        let name = path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
        StartProblem::Failed(format!("server.access_log: cannot write {name}: {error}"))
    })
}
