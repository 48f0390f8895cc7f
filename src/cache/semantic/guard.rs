//! Whether one prompt's answer may be given to another that looks like it.
//!
//! Deliberately not here: which prompts look alike (`index`).

use super::{mode::Mode, normalise};

/// A prompt, read once and held against several.
pub(super) struct Prompt {
    form: String,
}

impl Prompt {
    /// Of its text.
    pub(super) fn of(text: &str) -> Self {
        Self { form: normalise(text) }
    }

    /// Whether the answer to `other`, this near, serves in this mode.
    pub(super) fn is_served_by(&self, other: &str, similarity: f32, mode: Mode) -> bool {
        match mode {
            Mode::Off => false,
            Mode::ThresholdOnly { similarity: least } => similarity >= least,
            Mode::Strict | Mode::Balanced | Mode::Loose => self.form == normalise(other),
        }
    }
}
