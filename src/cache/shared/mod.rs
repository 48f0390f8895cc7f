//! A Redis or Valkey beside the process, shared by several gateways: keys and bytes, each with its end.
//!
//! It never fails a request: a command has a deadline, and after a failure nobody asks for a while. What is kept there is
//! `cache::http`'s and the policies' matter; rates and money are not.

pub mod packed;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, aio::MultiplexedConnection, cmd};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    model::{Clock, Secret, clock::Ticks},
    settings::shared_state,
};

/// How long a command may take, connecting included: longer than any healthy store needs, shorter than callers notice.
const DEADLINE: Duration = Duration::from_millis(500);
/// How long nobody asks after a failure.
const REST: Duration = Duration::from_secs(2);
/// What all keys begin with.
const PREFIX: &str = "tollgate:cache:";

/// The store beside the process.
pub struct Shared {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    /// Until when nobody asks, in ticks; 0: it works.
    resting: AtomicU64,
    is_told: AtomicBool,
    clock: Clock,
}

impl fmt::Debug for Shared {
    /// Without the address: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// The store at a `redis://` URL. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the URL, without its text.
    pub fn new(url: &Secret, clock: Clock) -> Result<Self, String> {
        shared_state::check(url.expose())?;
        let client = Client::open(url.expose()).map_err(|error| error.category().to_owned())?;
        Ok(Self {
            client,
            connection: Mutex::default(),
            resting: AtomicU64::new(0),
            is_told: AtomicBool::new(false),
            clock,
        })
    }

    /// The bytes under a key; the outer `None`: the store could not be asked.
    pub async fn get(&self, key: &str) -> Option<Option<Vec<u8>>> {
        self.ask(cmd("GET").arg(named(key))).await
    }

    /// Keeps bytes under a key for a while; false: the store could not be asked.
    pub async fn set(&self, key: &str, bytes: &[u8], lasts: Duration) -> bool {
        let lasts = millis(lasts);
        self.ask::<()>(cmd("SET").arg(named(key)).arg(bytes).arg("PX").arg(lasts)).await.is_some()
    }

    /// Keeps bytes under a key unless there are some: those that are there then.
    pub async fn get_or_set(&self, key: &str, bytes: &[u8], lasts: Duration) -> Option<Vec<u8>> {
        let script = "local known = redis.call('GET', KEYS[1]) if known then return known end \
                      redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return ARGV[1]";
        self.ask(cmd("EVAL").arg(script).arg(1).arg(named(key)).arg(bytes).arg(millis(lasts))).await
    }

    /// Replaces the bytes under a key if they still begin as `beginning` does; what is there then.
    pub async fn replace(&self, key: &str, beginning: &[u8], bytes: &[u8], lasts: Duration) -> Option<Option<Vec<u8>>> {
        let script = "local known = redis.call('GET', KEYS[1]) \
                      if known and string.sub(known, 1, string.len(ARGV[1])) == ARGV[1] then \
                      redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return ARGV[2] end return known";
        let mut command = cmd("EVAL");
        command.arg(script).arg(1).arg(named(key)).arg(beginning).arg(bytes).arg(millis(lasts));
        self.ask(&command).await
    }

    /// Forgets a key; false: the store could not be asked.
    pub async fn remove(&self, key: &str) -> bool {
        self.ask::<()>(cmd("DEL").arg(named(key))).await.is_some()
    }

    /// Adds a line to a list that all gateways follow; false: the store could not be asked.
    pub async fn announce(&self, list: &str, line: &str, most: usize) -> bool {
        let script = "local number = redis.call('INCR', KEYS[2]) \
                      redis.call('ZADD', KEYS[1], number, number .. ' ' .. ARGV[1]) \
                      redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2])) return number";
        let mut command = cmd("EVAL");
        command.arg(script).arg(2).arg(named(list)).arg(named(&format!("{list}:number"))).arg(line).arg(most);
        self.ask::<u64>(&command).await.is_some()
    }

    /// Lines of such a list after a number, each with its own. A store that was emptied counts from the beginning again.
    pub async fn announced(&self, list: &str, after: u64) -> Option<Vec<(u64, String)>> {
        let last: Option<u64> = self.ask(cmd("GET").arg(named(&format!("{list}:number")))).await?;
        let last = last.unwrap_or_default();
        if last == after {
            return Some(Vec::new());
        }
        let after = if last < after { 0 } else { after };
        let lines: Vec<String> =
            self.ask(cmd("ZRANGEBYSCORE").arg(named(list)).arg(format!("({after}")).arg("+inf")).await?;
        let numbered = |line: String| {
            let (number, line) = line.split_once(' ')?;
            Some((number.parse().ok()?, line.to_owned()))
        };
        Some(lines.into_iter().filter_map(numbered).collect())
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if self.clock.ticks() < Ticks::from_nanos(self.resting.load(Relaxed)) {
            return None;
        }
        let asked = timeout(DEADLINE, self.try_ask(command)).await;
        let why = match asked {
            Ok(Ok(answer)) => {
                self.works();
                return Some(answer);
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => format!("no answer within {} ms", DEADLINE.as_millis()),
        };
        self.failed(&why).await;
        None
    }

    async fn try_ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = self.connect().await?;
        command.query_async(&mut connection).await
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut known = self.connection.lock().await;
        if let Some(connection) = &*known {
            return Ok(connection.clone());
        }
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(DEADLINE)).set_response_timeout(Some(DEADLINE));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(known.insert(connection).clone())
    }

    fn works(&self) {
        if self.is_told.swap(false, Relaxed) {
            tracing::info!("the shared state store answers again");
        }
    }

    async fn failed(&self, why: &str) {
        *self.connection.lock().await = None;
        self.resting.store(self.clock.ticks().plus(REST).as_nanos(), Relaxed);
        if !self.is_told.swap(true, Relaxed) {
            tracing::warn!(
                why,
                "the shared state store does not answer: caches of this gateway work by themselves until it does"
            );
        }
    }
}

fn named(key: &str) -> String {
    format!("{PREFIX}{key}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX.unsigned_abs())
}

/// A shared store, where one is configured.
pub type MaybeShared = Option<Arc<Shared>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[tokio::test]
    async fn a_store_that_is_away_is_left_alone_for_a_while() {
        // Bound and not listened on: it refuses, and nobody else can be given it.
        let kept = tokio::net::TcpSocket::new_v4().expect("a socket");
        kept.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let port = kept.local_addr().expect("bound").port();
        let clock = Clock::manual(Timestamp::from_secs(1));
        let url = Secret::from(format!("redis://127.0.0.1:{port}"));
        let shared = Shared::new(&url, clock.clone()).expect("a URL");
        assert!(shared.get("k").await.is_none());
        let rests = || shared.resting.load(Relaxed) > clock.ticks().as_nanos();
        assert!(rests());
        clock.advance(REST);
        assert!(!rests());
        assert!(!shared.set("k", b"v", Duration::from_secs(1)).await);
        assert!(rests(), "asked again, and away still");
    }
}
