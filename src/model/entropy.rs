//! Randomness as a parameter: seeded in tests, from the operating system otherwise.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

/// Where random numbers come from. Cloning shares the source.
#[derive(Clone, Debug)]
pub struct Entropy(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// The thread's cryptographically secure generator, seeded by the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A reproducible sequence, for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// A number in `0..bound`; zero when `bound` is zero.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.with(|rng| rng.random_range(0..bound)) }
    }

    /// A number in `0.0..1.0`.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.with(|rng| rng.random())
    }

    /// Fills `bytes`; good enough for keys and tokens when the source is the system's.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.with(|rng| rng.fill_bytes(bytes));
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's randomness")]
    fn with<T>(&self, draw: impl FnOnce(&mut Dice<'_>) -> T) -> T {
        match &self.0 {
            Source::System => draw(&mut Dice(&mut rand::rng())),
            Source::Seeded(rng) => draw(&mut Dice(&mut *rng.lock().unwrap_or_else(PoisonError::into_inner))),
        }
    }
}

struct Dice<'a>(&'a mut dyn RngCore);

impl RngCore for Dice<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
