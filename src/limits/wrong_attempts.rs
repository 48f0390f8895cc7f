//! Who guesses at tokens has to wait: ten wrong ones a minute from one address, then one every six seconds.
//!
//! While an address waits, right tokens of it are refused too: otherwise guessing would go on at full speed. Ports
//! and names do not matter; IPv6 counts by /64, which is what one customer gets.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{Quota, RateLimiter, clock, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};

use crate::model::{Clock, clock::Ticks};

const A_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// Addresses remembered before those that have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, Steady, NoOpMiddleware<Duration>>;

/// Counts wrong attempts by address.
pub struct WrongAttempts {
    limiter: Limiter,
    waiting: Mutex<HashMap<IpAddr, Ticks>>,
    clock: Clock,
}

impl fmt::Debug for WrongAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrongAttempts({} addresses)", self.limiter.len())
    }
}

impl WrongAttempts {
    /// Nobody has tried yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let quota = Quota::per_minute(A_MINUTE);
        let limiter = RateLimiter::new(quota, DashMapStateStore::default(), Steady(clock.clone()));
        Self { limiter, waiting: Mutex::default(), clock }
    }

    /// How long this address has to wait before it may try (again); none when it may now.
    #[must_use]
    pub fn wait(&self, from: IpAddr) -> Option<Duration> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *waiting.get(&network(from))?;
        let left = until.since(self.clock.ticks());
        if left.is_zero() {
            waiting.remove(&network(from));
            return None;
        }
        Some(left)
    }

    /// Notes a wrong attempt; the wait that it earned, if any.
    pub fn wrong(&self, from: IpAddr) -> Option<Duration> {
        self.forget_the_quiet();
        let not_until = self.limiter.check_key(&network(from)).err()?;
        let wait = not_until.wait_time_from(self.clock.since_start());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(network(from), self.clock.ticks().plus(wait));
        Some(wait)
    }

    fn forget_the_quiet(&self) {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
            let now = self.clock.ticks();
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Our clock as governor wants it.
struct Steady(Clock);

trait SinceStart {
    fn since_start(&self) -> Duration;
}

impl SinceStart for Clock {
    fn since_start(&self) -> Duration {
        Duration::from_nanos(self.ticks().as_nanos())
    }
}

impl clock::Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.since_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn the_eleventh_wrong_attempt_has_to_wait_and_others_do_not() {
        let clock = Clock::manual(Timestamp::from_secs(1));
        let attempts = WrongAttempts::new(clock.clone());
        let [bad, good] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("address"));
        for nth in 1..=10 {
            assert_eq!(attempts.wrong(bad), None, "attempt {nth}");
        }
        assert_eq!(attempts.wait(bad), None);
        assert_eq!(attempts.wrong(bad), Some(Duration::from_secs(6)));
        assert_eq!(attempts.wait(bad), Some(Duration::from_secs(6)));
        assert_eq!(attempts.wait(good), None);
        clock.advance(Duration::from_secs(6));
        assert_eq!(attempts.wait(bad), None);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let attempts = WrongAttempts::new(Clock::manual(Timestamp::from_secs(1)));
        for nth in 1..=11 {
            attempts.wrong(format!("2001:db8::{nth:x}").parse().expect("address"));
        }
        assert!(attempts.wait("2001:db8::ffff".parse().expect("address")).is_some());
        assert!(attempts.wait("2001:db8:0:1::1".parse().expect("address")).is_none());
    }
}
