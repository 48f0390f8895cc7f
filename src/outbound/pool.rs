//! Choosing a member of a pool: priority groups, balance, affinity, and who is out for now.
//!
//! A lower group is asked only for what the groups before it cannot take. "Cannot take" covers four cases that are
//! kept apart: ejected (breaker, health check), throttled (until its Retry-After), refused (our credential), and
//! tried by this very exchange. Sending is `choice`.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    backend::Backend,
    choice::Choice,
    core::{Gate, Surroundings},
    credential::RingUse,
    rendezvous,
    survey::{NoneLeft, Standing, Survey, Why},
    tried::Tried,
    turns::Turns,
};
use crate::{
    model::{BackendId, PoolId, clock::Ticks},
    settings::{
        self,
        objects::{Affinity, Balance, Retry},
    },
};

/// What an exchange asks of a pool.
pub struct Wish<'a> {
    /// Places that were tried for it.
    pub tried: &'a Tried,
    /// Hash of what keeps the caller at one member, where the pool has affinity.
    pub affinity: Option<u64>,
    /// The only backend that can answer: where a stored object lives.
    pub prefer: Option<&'a BackendId>,
    /// Which backends can answer at all (dialect, path).
    pub usable: &'a dyn Fn(&Backend) -> bool,
}

/// A compiled pool.
#[derive(Debug)]
pub struct Pool {
    id: PoolId,
    balance: Balance,
    affinity: Affinity,
    retry: Retry,
    eject_last: bool,
    /// By priority, in the order of the configuration inside a group.
    members: Vec<Member>,
    groups: Vec<Range<usize>>,
    turns: Mutex<Turns>,
    surroundings: Arc<Surroundings>,
}

#[derive(Debug)]
struct Member {
    backend: Arc<Backend>,
    weight: u32,
    priority: u32,
    upstream_model: Option<Arc<str>>,
    seed: u64,
}

impl Pool {
    /// Compiles a pool. Every problem names its field.
    pub(super) fn compile(
        setting: &settings::Pool,
        find: &dyn Fn(&BackendId) -> Option<Arc<Backend>>,
        surroundings: Arc<Surroundings>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        if setting.members.is_empty() {
            problems.push("members: empty; a pool needs at least one backend".to_owned());
        }
        let mut members = Vec::with_capacity(setting.members.len());
        for (index, member) in setting.members.iter().enumerate() {
            if member.weight == 0 {
                problems.push(format!("members[{index}].weight: 0 would never be chosen; leave the member out"));
            }
            match find(&member.backend) {
                Some(backend) => members.push(Member::new(backend, member)),
                None => problems.push(format!(
                    "members[{index}].backend: there is no valid backend `{}`; declare it under backends",
                    member.backend
                )),
            }
        }
        if setting.retry.attempts == 0 {
            problems.push("retry.attempts: 0 would send nothing; write 1 for no second attempt".to_owned());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        members.sort_by_key(|member| member.priority);
        Ok(Self {
            id: setting.id.clone(),
            balance: setting.balance,
            affinity: setting.session_affinity.clone(),
            retry: setting.retry.clone(),
            eject_last: setting.eject_last,
            groups: groups(&members),
            turns: Mutex::new(Turns::new(members.len())),
            members,
            surroundings,
        })
    }

    /// A pool of one backend, for models and APIs that name a backend directly. Its id is the backend's.
    pub(super) fn single(backend: Arc<Backend>, surroundings: Arc<Surroundings>) -> Self {
        let id = PoolId::from(backend.id().as_str());
        let seed = rendezvous::seed(backend.id().as_str());
        Self {
            id,
            balance: Balance::RoundRobin,
            affinity: Affinity::None,
            retry: Retry::default(),
            eject_last: false,
            members: vec![Member { backend, weight: 1, priority: 1, upstream_model: None, seed }],
            groups: vec![0..1; 1],
            turns: Mutex::new(Turns::new(1)),
            surroundings,
        }
    }

    /// Identifier.
    #[must_use]
    pub fn id(&self) -> &PoolId {
        &self.id
    }

    /// Trying again inside one request.
    #[must_use]
    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// What keeps a caller at one member.
    #[must_use]
    pub fn affinity(&self) -> &Affinity {
        &self.affinity
    }

    /// Its backends, by priority.
    pub fn members(&self) -> impl Iterator<Item = &Backend> {
        self.members.iter().map(|member| &*member.backend)
    }

    /// Chooses a member for one attempt, with a credential, and counts the exchange in flight there.
    pub fn choose(&self, wish: &Wish<'_>) -> Result<Choice, NoneLeft> {
        let now = self.surroundings.clock.ticks();
        for group in &self.groups {
            // Another exchange may take the last probe or credential between the look and the grip: look again,
            // at most once for each member.
            for _ in group.clone() {
                let Some(index) = self.pick(group.clone(), wish, now) else { break };
                if let Some(choice) = self.grip(index, wish, now, false) {
                    return Ok(choice);
                }
            }
        }
        self.last_resort(wish, now)
    }

    /// Whose turn it is in a group.
    fn pick(&self, group: Range<usize>, wish: &Wish<'_>, now: Ticks) -> Option<usize> {
        let mut free = group.filter(|index| self.standing(*index, wish, now) == Some(Standing::Free));
        if self.members.len() == 1 {
            return free.next();
        }
        if let Some(key) = wish.affinity {
            let weighed = free.map(|index| (index, self.members[index].seed, self.members[index].weight));
            return rendezvous::choose(key, weighed);
        }
        match self.balance {
            Balance::RoundRobin => self.turn(free.map(|index| (index, 1))),
            Balance::Weighted => self.turn(free.map(|index| (index, self.members[index].weight))),
            Balance::LeastBusy => self.lightest(free, |member| {
                #[expect(clippy::cast_precision_loss, reason = "exchanges in flight are far below 2^52")]
                let flying = member.backend.in_flight() as f64;
                flying / f64::from(member.weight)
            }),
            Balance::LeastLatency => self.lightest(free, |member| member.backend.core.load(now)),
        }
    }

    fn turn(&self, candidates: impl Iterator<Item = (usize, u32)>) -> Option<usize> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).next(candidates)
    }

    /// The one with the least load; equals take turns.
    fn lightest(&self, free: impl Iterator<Item = usize>, load: impl Fn(&Member) -> f64) -> Option<usize> {
        let mut least = f64::INFINITY;
        let mut equals: Vec<usize> = Vec::new();
        for index in free {
            let load = load(&self.members[index]);
            if load < least {
                least = load;
                equals.clear();
            }
            if load <= least {
                equals.push(index);
            }
        }
        match equals[..] {
            [] => None,
            [only] => Some(only),
            _ => self.turn(equals.iter().map(|index| (*index, self.members[*index].weight))),
        }
    }

    /// Whether a member can take this exchange; `None` when it could never answer it.
    fn standing(&self, index: usize, wish: &Wish<'_>, now: Ticks) -> Option<Standing> {
        let backend = &self.members[index].backend;
        if wish.prefer.is_some_and(|wanted| wanted != backend.id()) || !(wish.usable)(backend) {
            return None;
        }
        let standing = match backend.core.gate(now) {
            Gate::Out { since, until } => Standing::Ejected { since, until },
            Gate::Pass => match backend.ring.at(now, &|credential| wish.tried.has_credential(index, credential)) {
                RingUse::Throttled(until) => Standing::Throttled(until),
                RingUse::Benched(until) => Standing::Refused(until),
                RingUse::Tried => Standing::Tried,
                RingUse::Free | RingUse::Ready => Standing::Free,
            },
        };
        let was_tried = standing == Standing::Free && self.is_tried(index, wish, now);
        Some(if was_tried { Standing::Tried } else { standing })
    }

    fn is_tried(&self, index: usize, wish: &Wish<'_>, now: Ticks) -> bool {
        let ring = &self.members[index].backend.ring;
        !wish.tried.is_empty() && wish.tried.has_member(index, |credential| ring.is_spent(credential, now))
    }

    /// Takes the member: probe or free pass, and a credential.
    fn grip(&self, index: usize, wish: &Wish<'_>, now: Ticks, forced: bool) -> Option<Choice> {
        let member = &self.members[index];
        let ring = &member.backend.ring;
        let credential = if ring.is_empty() {
            None
        } else {
            Some(ring.take(now, &|credential| wish.tried.has_credential(index, credential))?)
        };
        let (pass, flight) = member.backend.core.enter(now, forced)?;
        Some(Choice::new(member.backend.clone(), member.upstream_model.clone(), index, credential, pass, flight, now))
    }

    /// No member takes it. When all that could answer are ejected, the one that was ejected last stays in, unless
    /// the pool says otherwise: a breaker must not turn a bad day into an outage.
    fn last_resort(&self, wish: &Wish<'_>, now: Ticks) -> Result<Choice, NoneLeft> {
        let mut survey = Survey::default();
        for index in 0..self.members.len() {
            if let Some(standing) = self.standing(index, wish, now) {
                survey.add(index, standing);
            }
        }
        let Some(index) = survey.last_ejected().filter(|_| !self.eject_last) else { return Err(survey.verdict(now)) };
        if self.is_tried(index, wish, now) {
            return Err(NoneLeft { why: Why::Tried, ..survey.verdict(now) });
        }
        self.grip(index, wish, now, true).ok_or_else(|| survey.verdict(now))
    }
}

impl Member {
    fn new(backend: Arc<Backend>, setting: &settings::Member) -> Self {
        let seed = rendezvous::seed(backend.id().as_str());
        let upstream_model = setting.upstream_model.as_deref().map(Arc::from);
        Self { backend, weight: setting.weight, priority: setting.priority, upstream_model, seed }
    }
}

fn groups(members: &[Member]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (index, member) in members.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if members[group.start].priority == member.priority => group.end = index + 1,
            _ => groups.push(index..index + 1),
        }
    }
    groups
}
