//! The end of the process as an open answer awaits it: polled for every chunk, it costs next to nothing until then.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::drain::Drain;

type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells when open exchanges must stop.
pub struct Ending {
    drain: Drain,
    /// Made when it is first waited for.
    ended: Option<Ended>,
    /// Who waits, since which stage.
    waits: Option<(Waker, u8)>,
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").field("drain", &self.drain).finish_non_exhaustive()
    }
}

impl Ending {
    /// The end that `drain` brings.
    #[must_use]
    pub fn of(drain: Drain) -> Self {
        Self { drain, ended: None, waits: None }
    }

    /// Ready when open exchanges must stop. Asked again by the same task in the same stage, it looks no further: it
    /// would find itself waiting already.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stage = self.drain.at_a_glance();
        if self.waits.as_ref().is_some_and(|(waker, since)| *since == stage && waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waits = Some((cx.waker().clone(), stage));
        self.ended.get_or_insert_with(|| ended(self.drain.clone())).as_mut().poll(cx)
    }
}

fn ended(drain: Drain) -> Ended {
    Box::pin(async move { drain.ended().await })
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn the_end_wakes_who_asked_last() {
        let drain = Drain::default();
        let mut ending = Ending::of(drain.clone());
        let (first, second) = (Arc::<Counted>::default(), Arc::<Counted>::default());
        let woken = || (first.0.load(SeqCst), second.0.load(SeqCst));
        for task in [&first, &first, &second, &second] {
            let waker = task.clone().into();
            assert!(ending.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let waker = second.clone().into();
        drain.begin();
        assert_eq!(woken(), (0, 1), "a stage has begun");
        assert!(ending.poll(&mut Context::from_waker(&waker)).is_pending(), "only draining");
        drain.end();
        assert_eq!(woken(), (0, 2));
        assert!(ending.poll(&mut Context::from_waker(&waker)).is_ready());
    }
}
