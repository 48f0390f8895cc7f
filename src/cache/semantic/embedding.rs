//! The vector of a prompt: int8 with the length it had, whichever model made it.
//!
//! Deliberately not here: how a vector is made (`builtin`, `encoder`), and how near ones are found (`index`).

use std::fmt;

/// Most dimensions of a vector; embeddings endpoints offer up to 4,096.
pub const MOST_DIMENSIONS: usize = 8192;

/// The direction of a prompt's meaning. Its `Debug` shows nothing but the dimensions: a vector gives away its text.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    values: Box<[i8]>,
    inverse_norm: f32,
}

impl fmt::Debug for Embedding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Embedding({} dimensions)", self.values.len())
    }
}

impl Embedding {
    /// Of a model's vector, of any length. `None` when it has no direction: empty, too many dimensions, all zero, or
    /// with a value that is no number.
    pub fn from_floats(floats: &[f32]) -> Option<Self> {
        let largest = floats.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let usable = floats.len() <= MOST_DIMENSIONS && largest > 0.0 && floats.iter().all(|value| value.is_finite());
        if !usable {
            return None;
        }
        Some(Self::from_steps(floats.iter().map(|value| step(value / largest)).collect()))
    }

    fn from_steps(values: Box<[i8]>) -> Self {
        let square = dot(&widened(&values), &values);
        #[expect(clippy::cast_precision_loss, reason = "a direction needs no more than 24 bits")]
        let inverse_norm = 1.0 / (square.max(1) as f32).sqrt();
        Self { values, inverse_norm }
    }

    /// Cosine with another vector, -1 to 1; 0 where the dimensions differ.
    pub fn similarity(&self, other: &Self) -> f32 {
        self.probe().similarity(&other.values, other.inverse_norm)
    }

    /// Ready to be compared with many.
    pub(super) fn probe(&self) -> Probe {
        Probe { values: widened(&self.values), inverse_norm: self.inverse_norm }
    }

    /// How many dimensions.
    pub fn dimensions(&self) -> usize {
        self.values.len()
    }

    pub(super) fn values(&self) -> &[i8] {
        &self.values
    }

    pub(super) fn inverse_norm(&self) -> f32 {
        self.inverse_norm
    }

    /// For storage: one byte a dimension.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().map(|value| value.cast_unsigned()).collect()
    }

    /// From storage; `None` when it is no vector.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let usable = bytes.len() <= MOST_DIMENSIONS && bytes.iter().any(|byte| *byte != 0);
        usable.then(|| Self::from_steps(bytes.iter().map(|byte| byte.cast_signed()).collect()))
    }
}

/// A vector that is compared with many: its values at the width that products need.
pub(super) struct Probe {
    values: Box<[i16]>,
    inverse_norm: f32,
}

impl Probe {
    /// Cosine with a row; 0 where the dimensions differ.
    pub(super) fn similarity(&self, row: &[i8], inverse_norm: f32) -> f32 {
        if self.values.len() != row.len() {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a cosine needs no more than 24 bits")]
        let product = dot(&self.values, row) as f32;
        (product * self.inverse_norm * inverse_norm).clamp(-1.0, 1.0)
    }
}

fn widened(values: &[i8]) -> Box<[i16]> {
    values.iter().copied().map(i16::from).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the value is within -1 to 1, so its step is within an i8")]
fn step(value: f32) -> i8 {
    (value * 127.0).round() as i8
}

/// Sum of products, in blocks that compilers turn into vector instructions: 32 at a time, the one side widened already.
fn dot(left: &[i16], right: &[i8]) -> i32 {
    let (lefts, left_rest) = left.as_chunks::<32>();
    let (rights, right_rest) = right.as_chunks::<32>();
    let product = |(left, right): (&i16, &i8)| i32::from(*left) * i32::from(*right);
    let mut sum = 0;
    for (left, right) in lefts.iter().zip(rights) {
        let mut part = 0;
        for at in 0..32 {
            part += i32::from(left[at]) * i32::from(right[at]);
        }
        sum += part;
    }
    sum + left_rest.iter().zip(right_rest).map(product).sum::<i32>()
}

/// What makes vectors of texts. Two models' vectors are never compared: an index belongs to one [`Embedder::model`].
pub trait Embedder: Send + Sync {
    /// Names the model and its version, so that a changed model starts a new index.
    fn model(&self) -> &str;

    /// The vector of a text; `None` when there is nothing to embed, or more than the model reads.
    fn embed(&self, text: &str) -> Option<Embedding>;
}

#[cfg(test)]
mod tests {
    use super::Embedding;

    #[test]
    fn the_similarity_of_steps_is_the_cosine_of_the_floats() {
        let (one, two) = ([0.5, -0.25, 0.125, 0.9], [0.4, 0.3, -0.2, 0.7]);
        let cosine = {
            let dot = |a: &[f32; 4], b: &[f32; 4]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            dot(&one, &two) / (dot(&one, &one) * dot(&two, &two)).sqrt()
        };
        let (one, two) = (Embedding::from_floats(&one).unwrap(), Embedding::from_floats(&two).unwrap());
        assert!((one.similarity(&two) - cosine).abs() < 0.01);
        assert!((one.similarity(&one) - 1.0).abs() < 1e-6);
        assert_eq!(Embedding::from_bytes(&one.to_bytes()), Some(one));
    }

    #[test]
    fn what_has_no_direction_is_no_vector() {
        for floats in [vec![], vec![0.0; 4], vec![1.0, f32::NAN], vec![f32::INFINITY], vec![1.0; 9000]] {
            assert_eq!(Embedding::from_floats(&floats), None);
        }
        assert_eq!(Embedding::from_bytes(&[]), None);
        assert_eq!(Embedding::from_bytes(&[0, 0]), None);
    }

    #[test]
    fn vectors_of_different_dimensions_have_nothing_in_common() {
        let (one, two) = (Embedding::from_floats(&[1.0, 0.5]).unwrap(), Embedding::from_floats(&[1.0]).unwrap());
        assert!(one.similarity(&two).abs() < f32::EPSILON);
        assert_eq!(format!("{one:?}"), "Embedding(2 dimensions)");
    }
}
