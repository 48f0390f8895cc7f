//! How sure the cache must be before one prompt's answer serves another.
//!
//! Deliberately not here: what is held against what (`guard`), and the setting's name and schema (`settings`).

/// The presets, and the threshold of others' caches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// No semantic answers.
    Off,
    /// Every word accounted for: at most 3 wrong answers in 1,000 near misses.
    Strict,
    /// Known synonyms and reorderings too: at most 1 in 100.
    Balanced,
    /// Numbers, negation, opposites and quoted text guarded only; wrong answers happen.
    Loose,
    /// Cosine alone, as Azure API Management's `score-threshold` has it; unsafe, for parity.
    ThresholdOnly {
        /// Least cosine, 0 to 1.
        similarity: f32,
    },
}

impl Mode {
    /// Least cosine at which a neighbour is looked at in this mode.
    pub(super) fn least(self) -> f32 {
        match self {
            Self::Off => f32::INFINITY,
            Self::Strict => 0.50,
            Self::Balanced => 0.40,
            Self::Loose => 0.85,
            Self::ThresholdOnly { similarity } => similarity,
        }
    }
}
