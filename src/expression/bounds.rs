//! How much one evaluation may use, and the count of what it has used.

use super::Thrown;

/// Limits of one evaluation. The operator writes the code but the caller sends the input, so every loop, every copy and
/// every level of recursion is paid from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Tree nodes evaluated, plus items and bytes worked through by library calls (16 bytes a step).
    pub steps: u64,
    /// Bytes of values made, never given back during the evaluation.
    pub memory: u64,
    /// Nesting of evaluation: expressions, statements, lambdas. A level needs up to 4 KiB of stack in a debug build.
    pub depth: u32,
}

impl Bounds {
    /// Two million steps (about 50 ms), 64 MiB, 220 levels.
    pub const DEFAULT: Self = Self { steps: 2_000_000, memory: 64 << 20, depth: 220 };
}

impl Default for Bounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is left of the [`Bounds`].
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
    memory: u64,
    depth: u32,
    has_read: bool,
}

impl Budget {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self { steps: bounds.steps, memory: bounds.memory, depth: bounds.depth, has_read: false }
    }

    /// Pays for `count` steps.
    #[inline]
    pub(super) fn step(&mut self, count: usize) -> Result<(), Thrown> {
        match self.steps.checked_sub(count as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(Thrown::limit("the expression takes too many steps")),
        }
    }

    /// Pays for `bytes` of new values, and for the time to fill them.
    #[inline]
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Thrown> {
        self.step(bytes / 16 + 1)?;
        match self.memory.checked_sub(bytes as u64) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => Err(Thrown::limit("the expression makes more values than it may hold in memory")),
        }
    }

    /// Pays for a body that is read. The first one is free: what the gateway holds in memory is bounded there, and
    /// reading it once is what an expression is for. Reading it over and over is not.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Thrown> {
        if self.has_read {
            return self.grow(bytes);
        }
        self.has_read = true;
        self.step(1)
    }

    /// Goes one level down; pair with [`Budget::leave`].
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), Thrown> {
        self.step(1)?;
        match self.depth.checked_sub(1) {
            Some(left) => {
                self.depth = left;
                Ok(())
            }
            None => Err(Thrown::limit("the expression nests too deeply")),
        }
    }

    /// Comes up again.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }
}
