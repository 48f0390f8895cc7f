//! Messages of `log-to-eventhub` on their way: one bounded queue for each logger, sent in batches by a task of its own.
//! A request never waits for them; what does not fit, or cannot be delivered after a few tries, is dropped and counted.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::Value as Json;
use tokio::{io::AsyncWriteExt, sync::mpsc, task::JoinHandle};

use super::named::{LogTarget, Logger};
use crate::outbound::fetch::{Call, SideCalls};

/// Tries of a batch, with a pause after each that doubles.
const TRIES: u32 = 4;
/// The first pause.
const PAUSE: Duration = Duration::from_millis(250);

/// A queue with the task that empties it.
struct Writer {
    of: Arc<Logger>,
    queue: mpsc::Sender<Json>,
    task: JoinHandle<()>,
}

/// All loggers of the process.
pub struct Loggers {
    calls: Arc<dyn SideCalls>,
    writers: Mutex<HashMap<String, Writer>>,
    /// Tasks of loggers that the configuration has changed: they still send what they have.
    retired: Mutex<Vec<JoinHandle<()>>>,
    dropped: Arc<AtomicU64>,
}

impl Loggers {
    /// None yet.
    #[must_use]
    pub fn new(calls: Arc<dyn SideCalls>) -> Self {
        Self { calls, writers: Mutex::default(), retired: Mutex::default(), dropped: Arc::default() }
    }

    /// Hands a message over; false when it was dropped because the queue is full. Needs a Tokio runtime.
    pub fn log(&self, logger: &Arc<Logger>, message: Json) -> bool {
        let sent = self.queue(logger).try_send(message).is_ok();
        if !sent {
            self.dropped.fetch_add(1, Relaxed);
        }
        sent
    }

    fn queue(&self, logger: &Arc<Logger>) -> mpsc::Sender<Json> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writers.get(&logger.id)
            && (Arc::ptr_eq(&writer.of, logger) || writer.of == *logger)
        {
            return writer.queue.clone();
        }
        let (queue, waiting) = mpsc::channel(logger.queue);
        let task = tokio::spawn(write(logger.clone(), self.calls.clone(), waiting, self.dropped.clone()));
        let writer = Writer { of: logger.clone(), queue: queue.clone(), task };
        if let Some(old) = writers.insert(logger.id.clone(), writer) {
            let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
            retired.retain(|task| !task.is_finished());
            retired.push(old.task);
        }
        queue
    }

    /// Messages that were dropped since the start of the process.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Sends what waits, for at most `patience`.
    pub async fn drain(&self, patience: Duration) {
        let writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(PoisonError::into_inner));
        let retired = std::mem::take(&mut *self.retired.lock().unwrap_or_else(PoisonError::into_inner));
        // Taking the task out of a writer closes its queue.
        let tasks = writers.into_values().map(|writer| writer.task).chain(retired);
        let all = futures_util::future::join_all(tasks);
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("loggers of policies still had messages to send at shutdown");
        }
    }
}

/// Sends what comes, in batches, until the queue is closed and empty.
async fn write(
    logger: Arc<Logger>,
    calls: Arc<dyn SideCalls>,
    mut waiting: mpsc::Receiver<Json>,
    dropped: Arc<AtomicU64>,
) {
    let mut batch = Vec::new();
    while let Some(first) = waiting.recv().await {
        batch.push(first);
        gather(&logger, &mut waiting, &mut batch).await;
        let count = batch.len() as u64;
        if let Err(why) = deliver(&logger, &*calls, &std::mem::take(&mut batch)).await {
            dropped.fetch_add(count, Relaxed);
            tracing::warn!(logger = %logger.id, messages = count, %why, "messages of a policy could not be delivered");
        }
    }
}

/// Waits a moment for more.
async fn gather(logger: &Logger, waiting: &mut mpsc::Receiver<Json>, batch: &mut Vec<Json>) {
    let over = tokio::time::sleep(logger.interval);
    tokio::pin!(over);
    while batch.len() < logger.batch {
        tokio::select! {
            more = waiting.recv() => match more {
                Some(message) => batch.push(message),
                None => return,
            },
            () = &mut over => return,
        }
    }
}

async fn deliver(logger: &Logger, calls: &dyn SideCalls, batch: &[Json]) -> Result<(), String> {
    let mut pause = PAUSE;
    let mut tried = 1;
    loop {
        let outcome = match &logger.to {
            LogTarget::File(path) => append(path, batch).await.map_err(|error| (error.to_string(), true)),
            LogTarget::Url { url, headers, rules } => {
                let mut call = Call::new(Method::POST, url.clone(), rules.clone());
                call.headers.clone_from(headers);
                call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                call.body = Bytes::from(Json::from(batch.to_vec()).to_string());
                post(calls, call).await
            }
        };
        match outcome {
            Ok(()) => return Ok(()),
            Err((why, again)) if !again || tried >= TRIES => return Err(why),
            Err(_) => tokio::time::sleep(pause).await,
        }
        tried += 1;
        pause *= 2;
    }
}

/// Why a batch was not taken, and whether another try can help.
async fn post(calls: &dyn SideCalls, call: Call) -> Result<(), (String, bool)> {
    let answer = calls.call(call).await.map_err(|fault| (fault.to_string(), true))?;
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    let again = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    Err((format!("answered {}", status.as_u16()), again))
}

async fn append(path: &Path, batch: &[Json]) -> std::io::Result<()> {
    let mut lines = String::new();
    for message in batch {
        lines.push_str(&message.to_string());
        lines.push('\n');
    }
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
    file.write_all(lines.as_bytes()).await?;
    file.flush().await
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::outbound::{
        egress::Rules,
        fetch::{Answer, CallFault},
    };

    /// Keeps what it is sent; answers 503 to the first `sour` calls.
    #[derive(Default)]
    struct Collector {
        sour: AtomicU64,
        got: Mutex<Vec<Json>>,
    }

    impl SideCalls for Collector {
        fn call(&self, call: Call) -> BoxFuture<'static, Result<Answer, CallFault>> {
            let sour = self.sour.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
            if !sour {
                self.got.lock().expect("no panic").push(serde_json::from_slice(&call.body).expect("JSON"));
            }
            let status = if sour { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::ACCEPTED };
            let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::new() };
            Box::pin(async move { Ok(answer) })
        }
    }

    fn logger(to: LogTarget, queue: usize, batch: usize) -> Arc<Logger> {
        Arc::new(Logger { id: "l".into(), to, queue, batch, interval: Duration::from_secs(1) })
    }

    fn url() -> LogTarget {
        LogTarget::Url { url: "http://logs.test/".into(), headers: HeaderMap::new(), rules: Rules::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_go_in_batches_and_again_when_the_collector_is_sour() {
        let collector = Arc::new(Collector { sour: AtomicU64::new(2), ..Collector::default() });
        let loggers = Loggers::new(collector.clone());
        let logger = logger(url(), 100, 2);
        for at in 0..3 {
            assert!(loggers.log(&logger, json!({ "at": at })));
        }
        loggers.drain(Duration::from_secs(60)).await;
        assert_eq!(*collector.got.lock().expect("no panic"), [json!([{"at": 0}, {"at": 1}]), json!([{"at": 2}])]);
        assert_eq!(loggers.dropped(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_or_cannot_be_delivered_is_counted() {
        let collector = Arc::new(Collector { sour: AtomicU64::new(u64::MAX), ..Collector::default() });
        let loggers = Loggers::new(collector);
        let logger = logger(url(), 2, 2);
        let taken = (0..5).filter(|_| loggers.log(&logger, json!(1))).count();
        assert_eq!((taken, loggers.dropped()), (2, 3));
        loggers.drain(Duration::from_secs(60)).await;
        assert_eq!(loggers.dropped(), 5);
    }

    #[tokio::test]
    async fn a_file_gets_a_line_for_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.jsonl");
        let loggers = Loggers::new(Arc::new(Collector::default()));
        let logger = logger(LogTarget::File(path.clone()), 9, 9);
        assert!(loggers.log(&logger, json!("a\nb")) && loggers.log(&logger, json!({"c": 1})));
        loggers.drain(Duration::from_secs(60)).await;
        assert_eq!(std::fs::read_to_string(path).expect("written"), "\"a\\nb\"\n{\"c\":1}\n");
    }
}
