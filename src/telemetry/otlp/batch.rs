//! The task that sends spans in batches.

use std::time::Duration;

use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prometheus::IntCounter;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::Message;

/// Messages taken at once; each holds the spans of one exchange.
const MOST_AT_ONCE: usize = 256;

/// How long spans gather before they are sent.
const GATHER: Duration = Duration::from_secs(1);

/// How long a collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends what arrives until every sender is gone.
pub(super) async fn run(exporter: impl SpanExporter, mut messages: mpsc::Receiver<Message>, dropped: IntCounter) {
    let mut sender = Sender { exporter, dropped, failing: false };
    let mut taken = Vec::new();
    while messages.recv_many(&mut taken, MOST_AT_ONCE).await > 0 {
        if taken.len() < MOST_AT_ONCE && !taken.iter().any(is_flush) && !messages.is_closed() {
            gather(&mut messages, &mut taken).await;
        }
        let (spans, waiting) = sort(&mut taken);
        sender.send(spans).await;
        for done in waiting {
            if done.send(()).is_err() {
                tracing::debug!("nobody waits for the flush of traces any more");
            }
        }
    }
}

/// Lets more spans arrive until the batch is full, somebody waits for it, or its time is over.
async fn gather(messages: &mut mpsc::Receiver<Message>, taken: &mut Vec<Message>) {
    let over = sleep(GATHER);
    tokio::pin!(over);
    while taken.len() < MOST_AT_ONCE {
        tokio::select! {
            () = &mut over => break,
            message = messages.recv() => {
                let Some(message) = message else { break };
                let urgent = is_flush(&message);
                taken.push(message);
                if urgent { break }
            }
        }
    }
}

const fn is_flush(message: &Message) -> bool {
    matches!(message, Message::Flush(_))
}

fn sort(taken: &mut Vec<Message>) -> (Vec<SpanData>, Vec<oneshot::Sender<()>>) {
    let (mut spans, mut waiting) = (Vec::new(), Vec::new());
    for message in taken.drain(..) {
        match message {
            Message::Spans(more) => spans.extend(more),
            Message::Flush(done) => waiting.push(done),
        }
    }
    (spans, waiting)
}

struct Sender<E> {
    exporter: E,
    dropped: IntCounter,
    failing: bool,
}

impl<E: SpanExporter> Sender<E> {
    async fn send(&mut self, spans: Vec<SpanData>) {
        if spans.is_empty() {
            return;
        }
        let count = spans.len() as u64;
        let why = match timeout(PATIENCE, self.exporter.export(spans)).await {
            Ok(Ok(())) => return self.recovered(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        self.dropped.inc_by(count);
        if !self.failing {
            tracing::warn!(why, "the collector takes no traces; spans are dropped and counted");
            self.failing = true;
        }
    }

    fn recovered(&mut self) {
        if self.failing {
            tracing::info!("the collector takes traces again");
            self.failing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

    use super::{super::spans, *};
    use crate::telemetry::event::sample;

    #[derive(Clone, Debug, Default)]
    struct Scripted {
        refuse: bool,
        seen: Arc<Mutex<Vec<usize>>>,
    }

    impl SpanExporter for Scripted {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            if self.refuse {
                return Err(OTelSdkError::InternalFailure("scripted".into()));
            }
            self.seen.lock().expect("no panic").push(batch.len());
            Ok(())
        }
    }

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "Spans lost.").expect("valid name")
    }

    async fn send_and_flush(exporter: Scripted, exchanges: usize, dropped: &IntCounter) {
        let (queue, messages) = mpsc::channel(64);
        let task = tokio::spawn(run(exporter, messages, dropped.clone()));
        for _ in 0..exchanges {
            queue.send(Message::Spans(spans::of(&sample::chat()))).await.expect("running");
        }
        let (done, wait) = oneshot::channel();
        queue.send(Message::Flush(done)).await.expect("running");
        wait.await.expect("flushed");
        drop(queue);
        task.await.expect("ends");
    }

    #[tokio::test]
    async fn a_flush_sends_what_has_gathered_in_one_batch() {
        let (exporter, dropped) = (Scripted::default(), counter());
        send_and_flush(exporter.clone(), 5, &dropped).await;
        assert_eq!(exporter.seen.lock().expect("no panic").iter().sum::<usize>(), 15);
        assert_eq!(dropped.get(), 0);
    }

    #[tokio::test]
    async fn spans_that_the_collector_refuses_are_counted() {
        let dropped = counter();
        send_and_flush(Scripted { refuse: true, ..Scripted::default() }, 2, &dropped).await;
        assert_eq!(dropped.get(), 6);
    }
}
