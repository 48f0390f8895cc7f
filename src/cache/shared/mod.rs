//! A Redis or Valkey beside the process, shared by several gateways: keys and bytes, each with its end.
//!
//! It never fails a request: a command has a deadline, and after a failure nobody waits for it until it has answered
//! again. What is kept there is `cache::http`'s and the policies' matter; rates and money are not.

mod health;
mod link;
pub mod packed;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Value, cmd};
use tokio::time::timeout;

use self::{
    health::{Health, SLOW, Turn},
    link::{Address, Link},
};
use crate::model::{Clock, Secret};

/// How long a request waits for a command, connecting included: longer than any healthy store needs, shorter than
/// callers notice.
const DEADLINE: Duration = Duration::from_millis(250);
/// How long commands may take for which no request waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest thing that is shared: 16 MiB.
pub const LARGEST: usize = 16 << 20;
/// What all keys begin with.
const PREFIX: &str = "tollgate:cache:";

/// The store beside the process.
pub struct Shared(Arc<Inner>);

struct Inner {
    address: Address,
    link: Mutex<Option<Link>>,
    /// Held by the one who connects.
    connecting: tokio::sync::Mutex<()>,
    health: Health,
    clock: Clock,
}

impl fmt::Debug for Shared {
    /// Without the address: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// The store at a `redis://` or `rediss://` URL. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the URL, without its text, or with the file of authorities that it names.
    pub fn new(url: &Secret, clock: Clock) -> Result<Self, String> {
        let address = Address::read(url.expose())?;
        let (link, connecting, health) = (Mutex::default(), tokio::sync::Mutex::default(), Health::default());
        Ok(Self(Arc::new(Inner { address, link, connecting, health, clock })))
    }

    /// The bytes under a key; the outer `None`: the store could not be asked.
    pub async fn get(&self, key: &str) -> Option<Option<Vec<u8>>> {
        self.ask(cmd("GET").arg(named(key))).await.and_then(bytes).map(|found| found.0)
    }

    /// Keeps bytes under a key for a while; false: the store could not be asked, or they are too many.
    pub async fn set(&self, key: &str, bytes: &[u8], lasts: Duration) -> bool {
        self.keep(key, bytes, lasts, DEADLINE).await
    }

    /// The same where no request waits.
    pub async fn set_behind(&self, key: &str, bytes: &[u8], lasts: Duration) -> bool {
        self.keep(key, bytes, lasts, PATIENCE).await
    }

    async fn keep(&self, key: &str, bytes: &[u8], lasts: Duration, most: Duration) -> bool {
        let mut command = cmd("SET");
        command.arg(named(key)).arg(bytes).arg("PX").arg(millis(lasts));
        bytes.len() <= LARGEST && self.ask_within::<()>(&command, most).await.is_some()
    }

    /// Keeps bytes under a key unless there are some: those that are there then.
    pub async fn get_or_set(&self, key: &str, bytes: &[u8], lasts: Duration) -> Option<Vec<u8>> {
        let script = "local known = redis.call('GET', KEYS[1]) if known then return known end \
                      redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return ARGV[1]";
        let mut command = cmd("EVAL");
        command.arg(script).arg(1).arg(named(key)).arg(bytes).arg(millis(lasts));
        self.ask(&command).await.and_then(self::bytes)?.0
    }

    /// Replaces the bytes under a key if they still begin as `beginning` does; what is there then. No request waits.
    pub async fn replace(&self, key: &str, beginning: &[u8], bytes: &[u8], lasts: Duration) -> Option<Option<Vec<u8>>> {
        let script = "local known = redis.call('GET', KEYS[1]) \
                      if known and string.sub(known, 1, string.len(ARGV[1])) == ARGV[1] then \
                      redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return ARGV[2] end return known";
        let mut command = cmd("EVAL");
        command.arg(script).arg(1).arg(named(key)).arg(beginning).arg(bytes).arg(millis(lasts));
        self.ask_within(&command, PATIENCE).await.and_then(self::bytes).map(|found| found.0)
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
        self.ask_within::<u64>(&command, PATIENCE).await.is_some()
    }

    /// Lines of such a list after a number, each with its own. A store that was emptied counts from the beginning again.
    pub async fn announced(&self, list: &str, after: u64) -> Option<Vec<(u64, String)>> {
        let last: Option<u64> = self.ask_within(cmd("GET").arg(named(&format!("{list}:number"))), PATIENCE).await?;
        let last = last.unwrap_or_default();
        if last == after {
            return Some(Vec::new());
        }
        let after = if last < after { 0 } else { after };
        let lines: Vec<String> = self
            .ask_within(cmd("ZRANGEBYSCORE").arg(named(list)).arg(format!("({after}")).arg("+inf"), PATIENCE)
            .await?;
        let numbered = |line: String| {
            let (number, line) = line.split_once(' ')?;
            Some((number.parse().ok()?, line.to_owned()))
        };
        Some(lines.into_iter().filter_map(numbered).collect())
    }

    /// Asks on behalf of a request.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.ask_within(command, DEADLINE).await
    }

    async fn ask_within<T: FromRedisValue>(&self, command: &Cmd, most: Duration) -> Option<T> {
        let inner = &self.0;
        match inner.health.turn(inner.clock.ticks()) {
            Turn::Rest => None,
            Turn::Probe => {
                tokio::spawn(probe(inner.clone()));
                None
            }
            Turn::Ask => inner.ask(command, most).await,
        }
    }
}

/// Whether the store answers again, and quickly.
async fn probe(inner: Arc<Inner>) {
    // Connecting may take longer than answering.
    let connected = timeout(DEADLINE, inner.link()).await;
    let answered = match connected {
        Ok(Ok(mut link)) => timeout(SLOW, link.ask::<String>(&cmd("PING"))).await.is_ok_and(|answer| answer.is_ok()),
        Ok(Err(_)) | Err(_) => false,
    };
    if answered {
        inner.health.is_back();
    } else {
        inner.give_up();
    }
}

impl Inner {
    async fn ask<T: FromRedisValue>(&self, command: &Cmd, most: Duration) -> Option<T> {
        let began = self.clock.ticks();
        let failure = match timeout(most, self.try_ask(command)).await {
            Ok(Ok(answer)) => {
                let now = self.clock.ticks();
                if most == DEADLINE && self.health.answered(now.since(began), now) {
                    self.health.tell(&format!("its answers take more than {} ms", SLOW.as_millis()));
                }
                return Some(answer);
            }
            Ok(Err(error)) if is_its_answer(&error) => {
                self.health.tell(&why(&error));
                return None;
            }
            Ok(Err(error)) => why(&error),
            Err(_) => format!("no answer within {} ms", most.as_millis()),
        };
        self.health.tell(&failure);
        self.give_up();
        None
    }

    async fn try_ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.link().await?.ask(command).await
    }

    async fn link(&self) -> Result<Link, RedisError> {
        if let Some(link) = self.known().clone() {
            return Ok(link);
        }
        let _one = self.connecting.lock().await;
        // Who held it before may have connected.
        if let Some(link) = self.known().clone() {
            return Ok(link);
        }
        let link = self.address.connect().await?;
        *self.known() = Some(link.clone());
        Ok(link)
    }

    fn known(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self) {
        *self.known() = None;
        self.health.failed(self.clock.ticks());
    }
}

/// What went wrong, without words of the store's own.
fn why(error: &RedisError) -> String {
    match error.kind() {
        ErrorKind::Io => error.to_string(),
        ErrorKind::Server(kind) => format!("it refuses ({kind:?})"),
        _ => error.category().to_owned(),
    }
}

/// Whether the store works and has refused: another kind of value under the key, no memory left.
fn is_its_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType)
}

/// What is under a key.
struct Bytes(Option<Vec<u8>>);

/// The bytes of an answer; `None`: it is of another kind than anything that is kept.
fn bytes(answer: Value) -> Option<Bytes> {
    match answer {
        Value::BulkString(bytes) => Some(Bytes(Some(bytes))),
        Value::Nil => Some(Bytes(None)),
        _ => None,
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
mod tests;
