//! Passing an answer on: bytes as they arrive, an observer on a copy, the settlement at the end.
//!
//! An answer that breaks never looks complete: event streams get an in-band error in their dialect and then an
//! unclean end, anything else just the unclean end. `checked` is the way of streams whose words are checked first.

mod answer_body;
mod checked;
mod leasing;
mod reading_on;

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use tollgate_providers::{
    Surface,
    envelope::{self, ErrorText},
    tap::Tap,
};

use self::leasing::Leasing;
pub(super) use self::leasing::MOST_WAITS;
use super::{
    answer::{Answer, Upstream},
    copying::Copying,
    cutoff,
    decode::Decoder,
    exchange::{Envelope, Exchange},
    http_cache::taking::Taking,
    listener::{BodyWatch, Ending},
    owners::Watch,
    respond,
    screen::Screen,
    switch,
};
use crate::{
    exchange::{FaultKind, Outcome},
    model::{Clock, clock::Ticks},
    outbound::{BoxError, Choice, Failure, Incoming},
    usage::{Settlement, Stop},
};

/// The body of every answer of the gateway port.
pub struct AnswerBody(Kind);

enum Kind {
    Local { bytes: Option<Bytes>, settlement: Option<Settlement> },
    Relay(Option<Box<Relay>>),
}

/// Turns what the journey ended in into the answer.
pub fn relay(mut exchange: Exchange, answer: Answer) -> Response<AnswerBody> {
    match answer {
        Answer::Local(answer) => respond::local(exchange, answer),
        Answer::Upgraded(upgraded) => switch::switch(exchange, *upgraded),
        Answer::Upstream(mut upstream) => {
            let mut head = Response::new(());
            *head.status_mut() = upstream.head.status;
            *head.headers_mut() = std::mem::take(&mut upstream.head.headers);
            respond::relayed_headers(&mut exchange, &upstream, head.headers_mut());
            if upstream.is_stream {
                exchange.settlement.streams();
            }
            exchange.settlement.status = head.status().as_u16();
            exchange.settlement.backend = Some(upstream.backend().id().clone());
            exchange.settlement.kind = Some(upstream.backend().kind());
            head.map(|()| AnswerBody(Kind::Relay(Some(Box::new(Relay::new(exchange, *upstream))))))
        }
    }
}

impl AnswerBody {
    /// A body made here that belongs to no exchange (health checks).
    #[must_use]
    pub fn local(bytes: Bytes) -> Self {
        Self(Kind::Local { bytes: Some(bytes), settlement: None })
    }

    /// A body made here that ends an exchange.
    #[must_use]
    pub fn settling(bytes: Bytes, mut settlement: Settlement, outcome: Outcome) -> Self {
        settlement.outcome = outcome;
        settlement.bytes_out = bytes.len() as u64;
        Self(Kind::Local { bytes: Some(bytes), settlement: Some(settlement) })
    }
}

/// Where a relayed body stands.
enum Phase {
    /// The backend is sending.
    Flowing,
    /// All came through; trailers may follow.
    Complete(Option<HeaderMap>),
    /// It broke: what is queued goes out, then an unclean end.
    Broken,
    /// Nothing more.
    Over,
}

struct Relay {
    body: Incoming,
    decoder: Option<Decoder>,
    tap: Tap,
    queue: VecDeque<Bytes>,
    scratch: Vec<Bytes>,
    phase: Phase,
    leasing: Leasing,
    surface: Option<Surface>,
    is_stream: bool,
    is_intact: bool,
    is_read_to_end: bool,
    /// The last piece ended inside an event, as far as that piece tells: a further blank line does no harm.
    is_inside_event: bool,
    settlement: Option<Settlement>,
    body_watch: BodyWatch,
    original: Option<Box<Taking>>,
    copy: Option<Box<Copying>>,
    screen: Option<Box<Screen>>,
    choice: Choice,
    ending: Ending,
    owners: Option<Watch>,
    clock: Clock,
    started: Ticks,
}

impl Relay {
    fn new(exchange: Exchange, upstream: Upstream) -> Self {
        let Exchange { gateway, settlement, envelope, .. } = &exchange;
        let surface = match envelope {
            Envelope::Model(_, surface) => *surface,
            Envelope::Plain => None,
        };
        let caller = || exchange.subscription.as_ref().map(|subscription| subscription.id.clone());
        let method = &exchange.parts.method;
        let watch = surface
            .filter(|_| !settlement.is_saved())
            .and_then(|surface| gateway.owners.watch(surface, method, caller(), upstream.backend().id().clone()));
        // A stream that a plain API carries ends in the words of what it is.
        let surface = surface.or_else(|| settlement.surface.filter(|_| upstream.is_stream));
        let is_intact = upstream.decoder.is_none()
            && upstream.screening.is_none()
            && !upstream.withholds
            && upstream.held.is_empty();
        let mut relay = Self {
            is_stream: settlement.streamed,
            is_intact,
            is_read_to_end: false,
            is_inside_event: upstream.held.last().is_some_and(|last| !ends_an_event(last)),
            surface,
            started: settlement.started,
            clock: gateway.clock.clone(),
            ending: Ending::of(gateway.drain.clone()),
            owners: watch,
            settlement: Some(exchange.settlement),
            body_watch: exchange.body_watch,
            body: upstream.body,
            decoder: upstream.decoder,
            tap: upstream.tap,
            queue: upstream.held.into(),
            scratch: Vec::new(),
            phase: Phase::Flowing,
            original: upstream.original,
            leasing: Leasing::default(),
            copy: upstream.copy,
            screen: upstream.screening.map(|how| Box::new(Screen::new(*how))),
            choice: upstream.choice,
        };
        relay.note_content();
        relay.note_objects();
        if let Some(why) = upstream.broken {
            relay.fail("backend_broke_off", &why);
        } else if upstream.ended {
            relay.judge_end(None);
        } else if relay.body.is_end_stream() {
            relay.finish(None);
        }
        relay
    }

    fn note_content(&mut self) {
        let Some(settlement) = self.settlement.as_mut().filter(|s| s.ttft.is_none()) else { return };
        if self.tap.has_content() || (!self.is_stream && !self.queue.is_empty()) {
            settlement.ttft = Some(self.clock.ticks().since(self.started));
        }
    }

    fn note_objects(&mut self) {
        let Some(watch) = &mut self.owners else { return };
        if let Some(id) = self.tap.object_id() {
            watch.note(id);
        }
        watch.note_made(self.tap.owned());
    }

    fn observe(&mut self, data: Bytes) {
        if let Some(original) = &mut self.original {
            original.add(&data);
        }
        let data = match &mut self.decoder {
            None => data,
            Some(decoder) => match decoder.push(&data) {
                Ok(decoded) => decoded,
                Err(error) => return self.fail("backend_sent_junk", &format!("content coding: {error}")),
            },
        };
        if self.is_stream {
            self.take_events(data);
        } else {
            self.take(data);
        }
        self.finish_if_ended();
    }

    fn finish_if_ended(&mut self) {
        if matches!(self.phase, Phase::Flowing) && self.leasing.is_idle() && self.body.is_end_stream() {
            self.finish(None);
        }
    }

    /// A piece of a stream: where it might exceed what is held, each of its events by itself.
    fn take_events(&mut self, mut data: Bytes) {
        let is_tight = self.settlement.as_ref().is_some_and(|held| held.is_tight(&self.tap, data.len()));
        while is_tight && self.leasing.is_idle() && matches!(self.phase, Phase::Flowing) {
            let Some(end) = cutoff::event_end(&data) else { break };
            let event = data.split_to(end);
            self.take(event);
        }
        if !self.leasing.is_idle() {
            self.leasing.put_aside(data);
        } else if matches!(self.phase, Phase::Flowing) && !data.is_empty() {
            self.take(data);
        }
        self.note_objects();
    }

    fn take(&mut self, data: Bytes) {
        self.tap.push(data, &mut self.scratch);
        self.pass_on();
    }

    /// Queues what was read, as soon as what it uses is held.
    fn pass_on(&mut self) {
        if let Some(settlement) = self.settlement.as_mut().filter(|_| self.is_stream)
            && let Err(stop) = settlement.delivered(&mut self.tap)
        {
            if !self.leasing.begin(settlement, &stop) {
                self.cut_off(&stop);
            }
            return;
        }
        self.leasing.went_on();
        self.enqueue();
        self.note_content();
    }

    /// There is no more quota for this stream: it ends as an answer does that reaches its length limit. What is left
    /// of an event that the client has begun to read still goes out.
    fn cut_off(&mut self, stop: &Stop) {
        if self.is_inside_event {
            self.enqueue();
            if self.is_inside_event {
                return;
            }
        }
        self.scratch.clear();
        let Some(surface) = self.surface else { return };
        let Some(settlement) = &mut self.settlement else { return };
        settlement.consume(&mut self.tap, false);
        self.body.cut();
        let ending = cutoff::ending(surface, settlement, &self.tap, stop, self.clock.now());
        self.queue.push_back(ending.into());
        self.phase = Phase::Complete(None);
        self.set_outcome(Outcome::LimitReached, Some(FaultKind::QuotaExhausted.code()));
    }

    fn enqueue(&mut self) {
        self.queue.extend(self.scratch.drain(..).filter(|bytes| !bytes.is_empty()));
        if let Some(last) = self.queue.back() {
            self.is_inside_event = !ends_an_event(last);
        }
    }

    /// The backend's body has ended cleanly: whole, or an event stream without its last event.
    fn finish(&mut self, trailers: Option<HeaderMap>) {
        if let Some(original) = self.original.take() {
            original.finish();
        }
        let rest = self.decoder.as_mut().map_or(Ok(Bytes::new()), Decoder::finish);
        let cut = rest.map(|rest| self.tap.push(rest, &mut self.scratch)).err();
        self.tap.finish(&mut self.scratch);
        self.enqueue();
        self.note_content();
        self.note_objects();
        match cut {
            // A stream that has told its own end is whole, whatever its coding still owes.
            Some(error) if !(self.is_stream && self.tap.is_complete()) => {
                self.fail("backend_broke_off", &format!("content coding: {error}"));
            }
            _ => self.judge_end(trailers),
        }
    }

    fn judge_end(&mut self, trailers: Option<HeaderMap>) {
        let is_whole = !self.is_stream || self.tap.is_complete();
        match (is_whole, self.tap.error().is_some()) {
            (true, _) => self.complete(trailers),
            (false, true) => self.end_after_its_own_error(),
            (false, false) => self.fail("backend_broke_off", "The backend ended the stream before it was complete."),
        }
    }

    fn complete(&mut self, trailers: Option<HeaderMap>) {
        self.phase = Phase::Complete(trailers);
        self.set_outcome(Outcome::Complete, None);
    }

    /// The backend has told its error itself; the end must still not look like a whole answer's. Only an error of
    /// its own counts against it.
    fn end_after_its_own_error(&mut self) {
        if self.tap.error().is_some_and(|error| error.status_hint >= 500) {
            self.choice.failed(&Failure::Stream);
        }
        self.set_outcome(Outcome::UpstreamCut, Some("backend_error"));
        self.phase = Phase::Broken;
    }

    fn set_outcome(&mut self, outcome: Outcome, error: Option<&'static str>) {
        if let Some(settlement) = &mut self.settlement {
            settlement.outcome = outcome;
            settlement.error = error;
        }
    }

    /// The answer broke: the backend's fault, unless it was the caller's own body that broke first. A stream that has
    /// told its own end is whole, whatever becomes of its connection.
    fn fail(&mut self, code: &'static str, message: &str) {
        if self.is_stream && self.tap.is_complete() {
            return self.judge_end(None);
        }
        if self.body_watch.fault().is_none() && !self.body.has_lagged() {
            self.choice.failed(&Failure::Stream);
        }
        self.break_off(Outcome::UpstreamCut, code, message);
    }

    fn break_off(&mut self, outcome: Outcome, code: &'static str, message: &str) {
        if let (true, Some(surface)) = (self.is_stream, self.surface) {
            let text =
                ErrorText { status: 502, code, message, param: None, request_id: &self.request_id(), kind_hint: None };
            if self.is_inside_event {
                // Else the half event and the error would read as one line that is neither.
                self.queue.push_back(Bytes::from_static(b"\n\n"));
            }
            self.queue.push_back(envelope::stream_error(surface, &text, self.tap.next_sequence()).into());
        }
        self.set_outcome(outcome, Some(code));
        self.phase = Phase::Broken;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if self.screen.is_some() {
                if let Some(bytes) = ready!(self.screened(cx)) {
                    return Poll::Ready(Some(Ok(Frame::data(self.sent(bytes)))));
                }
            } else if let Some(bytes) = self.queue.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(self.sent(bytes)))));
            }
            match &mut self.phase {
                Phase::Flowing => ready!(self.advance(cx)),
                Phase::Complete(trailers) => {
                    let trailers = trailers.take();
                    self.over();
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Phase::Broken => {
                    self.over();
                    return Poll::Ready(Some(Err("the backend's answer broke off".into())));
                }
                Phase::Over => return Poll::Ready(None),
            }
        }
    }

    /// Reads the next piece from the backend; returns when there is something to look at.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.leasing.is_idle() {
            return self.leased(cx);
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => self.observe(data),
                Err(frame) => self.finish(frame.into_trailers().ok()),
            },
            Poll::Ready(Some(Err(fault))) => self.fail("backend_broke_off", &fault.to_string()),
            Poll::Ready(None) => self.finish(None),
            Poll::Pending => {
                ready!(self.ending.poll(cx));
                self.break_off(Outcome::Ended, "shutting_down", "The gateway is shutting down.");
            }
        }
        Poll::Ready(())
    }

    fn sent(&mut self, bytes: Bytes) -> Bytes {
        if let Some(settlement) = &mut self.settlement {
            settlement.bytes_out += bytes.len() as u64;
        }
        if let Some(copy) = &mut self.copy {
            copy.add(&bytes);
        }
        if self.is_empty() && matches!(self.phase, Phase::Complete(None)) {
            self.over();
        }
        bytes
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over | Phase::Complete(None)) && self.is_empty()
    }

    /// Settles; called once, at the last byte or the break.
    fn over(&mut self) {
        self.phase = Phase::Over;
        self.fill_usage();
        self.finish_copy();
        self.settlement.take().into_iter().for_each(settle);
    }

    fn request_id(&self) -> String {
        self.settlement.as_ref().map(|settlement| settlement.callers_id()).unwrap_or_default()
    }

    fn fill_usage(&mut self) {
        let Some(settlement) = &mut self.settlement else { return };
        let is_whole = settlement.outcome == Outcome::Complete || self.is_read_to_end;
        settlement.bytes_in = settlement.bytes_in.max(self.body_watch.bytes());
        settlement.consume(&mut self.tap, is_whole);
        settlement.keep_words(&mut self.tap);
    }
}

/// Ends the exchange; what nobody reported is counted first, beside the answers.
fn settle(mut settlement: Settlement) {
    let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| settlement.wants_count());
    let Some(runtime) = runtime else { return };
    runtime.spawn(async move {
        settlement.count().await;
        drop(settlement);
    });
}

/// Whether a piece of an event stream ends with a blank line.
fn ends_an_event(piece: &[u8]) -> bool {
    [b"\n\n".as_slice(), b"\r\n\r\n", b"\r\r"].iter().any(|blank| piece.ends_with(blank))
}
