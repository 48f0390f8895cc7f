//! A BERT-type sentence encoder from a folder: `config.json`, `tokenizer.json`, `model.safetensors`.
//!
//! The forward pass of BERT (Devlin et al. 2019; layer by layer as in `scripts/embeddings/encoder.py`), mean pooling, in
//! 32-bit floats on this thread: milliseconds, so callers run it beside the reactor and with a deadline. Deliberately not
//! here: tokens (`wordpiece`), other architectures, and training.

use std::{fs, io, path::Path};

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    embedding::{Embedder, Embedding},
    wordpiece::Vocabulary,
};

/// Longest text in pieces: sentence encoders are trained on 128 and read no further than that.
pub const MOST_PIECES: usize = 128;

/// Why a folder holds no encoder.
#[derive(Debug, thiserror::Error)]
pub enum NoEncoder {
    /// A file cannot be read.
    #[error("{file} cannot be read: {error}")]
    File {
        /// Its name within the folder.
        file: &'static str,
        /// Why.
        error: io::Error,
    },
    /// A file is no JSON, or lacks what an encoder needs.
    #[error("{0}")]
    Content(String),
}

/// A layer that multiplies and adds.
struct Linear {
    /// Inputs by outputs.
    weight: Array2<f32>,
    bias: Array1<f32>,
}

struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
    eps: f32,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    mixed: Linear,
    mixed_norm: Norm,
    wide: Linear,
    narrow: Linear,
    norm: Norm,
}

/// The encoder, its weights in memory (about 90 MB for six layers of 384).
pub struct Encoder {
    model: String,
    vocabulary: Vocabulary,
    /// The numbers of `[CLS]`, `[SEP]` and `[UNK]`.
    special: [u32; 3],
    heads: usize,
    words: Array2<f32>,
    positions: Array2<f32>,
    kind: Array1<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Encoder({})", self.model)
    }
}

impl Encoder {
    /// Reads a folder; takes a second, and blocks.
    pub fn open(folder: &Path) -> Result<Self, NoEncoder> {
        let read = |file| fs::read(folder.join(file)).map_err(|error| NoEncoder::File { file, error });
        let (config, tokenizer, weights) = (read("config.json")?, read("tokenizer.json")?, read("model.safetensors")?);
        Self::read(&config, &tokenizer, &weights)
    }

    /// Reads the three files' contents.
    pub fn read(config: &[u8], tokenizer: &[u8], weights: &[u8]) -> Result<Self, NoEncoder> {
        let model = name(&[config, tokenizer, weights]);
        let (config, tokenizer) = (json("config.json", config)?, json("tokenizer.json", tokenizer)?);
        let tensors =
            SafeTensors::deserialize(weights).map_err(|error| content(format!("model.safetensors: {error}")))?;
        let tensors = Tensors(tensors);
        let vocabulary = vocabulary(&tokenizer)?;
        let special = |piece| {
            vocabulary
                .number(piece)
                .ok_or_else(|| content(format!("tokenizer.json has no {piece}: not BERT's word pieces")))
        };
        let special = [special("[CLS]")?, special("[SEP]")?, special("[UNK]")?];
        let (heads, layers) = (count(&config, "num_attention_heads")?, count(&config, "num_hidden_layers")?);
        #[expect(clippy::cast_possible_truncation, reason = "a millionth of a millionth is one in either width")]
        let eps = config["layer_norm_eps"].as_f64().unwrap_or(1e-12) as f32;
        let kinds = tensors.matrix("embeddings.token_type_embeddings.weight")?;
        let encoder = Self {
            model,
            special,
            heads,
            words: tensors.matrix("embeddings.word_embeddings.weight")?,
            positions: tensors.matrix("embeddings.position_embeddings.weight")?,
            kind: kinds.row(0).to_owned(),
            norm: tensors.norm("embeddings.LayerNorm", eps)?,
            layers: (0..layers).map(|layer| tensors.layer(layer, eps)).collect::<Result<_, _>>()?,
            vocabulary,
        };
        encoder.fitting()
    }

    /// The shapes agree, so that no text can make the forward pass fail.
    fn fitting(self) -> Result<Self, NoEncoder> {
        let width = self.words.ncols();
        let square = |linear: &Linear| linear.weight.dim() == (width, width) && linear.bias.len() == width;
        let norm = |norm: &Norm| norm.weight.len() == width && norm.bias.len() == width;
        let layer = |layer: &Layer| {
            let inner = layer.wide.weight.ncols();
            let squares = [&layer.query, &layer.key, &layer.value, &layer.mixed].into_iter().all(square);
            let wide = layer.wide.weight.dim() == (width, inner) && layer.wide.bias.len() == inner;
            let narrow = layer.narrow.weight.dim() == (inner, width) && layer.narrow.bias.len() == width;
            squares && wide && narrow && norm(&layer.mixed_norm) && norm(&layer.norm)
        };
        let positions = self.positions.nrows() >= MOST_PIECES + 2 && self.positions.ncols() == width;
        let heads = self.heads > 0 && width.is_multiple_of(self.heads);
        let pieces = self.vocabulary.len() <= self.words.nrows();
        let fits = positions && heads && pieces && self.kind.len() == width && norm(&self.norm);
        if !fits || !self.layers.iter().all(layer) {
            return Err(content(
                "the weights' shapes do not fit one another, the vocabulary or config.json".to_owned(),
            ));
        }
        Ok(self)
    }

    fn forward(&self, ids: &[u32]) -> Array1<f32> {
        let mut states = Array2::zeros((ids.len(), self.words.ncols()));
        for ((mut state, id), position) in states.rows_mut().into_iter().zip(ids).zip(self.positions.rows()) {
            state += &self.words.row(*id as usize);
            state += &position;
            state += &self.kind;
        }
        self.norm.apply(&mut states);
        for layer in &self.layers {
            states = layer.apply(&states, self.heads);
        }
        states.sum_axis(Axis(0))
    }
}

impl Embedder for Encoder {
    fn model(&self) -> &str {
        &self.model
    }

    fn embed(&self, text: &str) -> Option<Embedding> {
        let [first, last, unknown] = self.special;
        let pieces = self.vocabulary.pieces(text);
        if pieces.is_empty() || pieces.len() > MOST_PIECES {
            return None;
        }
        let inner = pieces.into_iter().map(|piece| piece.unwrap_or(unknown));
        let ids: Vec<_> = [first].into_iter().chain(inner).chain([last]).collect();
        Embedding::from_floats(self.forward(&ids).as_slice()?)
    }
}

impl Linear {
    fn apply(&self, states: &Array2<f32>) -> Array2<f32> {
        states.dot(&self.weight) + &self.bias
    }
}

impl Norm {
    fn apply(&self, states: &mut Array2<f32>) {
        for mut state in states.rows_mut() {
            let mean = state.mean().unwrap_or_default();
            state -= mean;
            let variance = state.iter().map(|value| value * value).sum::<f32>() / width(state.len());
            state /= (variance + self.eps).sqrt();
            state *= &self.weight;
            state += &self.bias;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no layer is 16 million wide")]
fn width(width: usize) -> f32 {
    width as f32
}

impl Layer {
    fn apply(&self, states: &Array2<f32>, heads: usize) -> Array2<f32> {
        let (queries, keys) = (self.query.apply(states), self.key.apply(states));
        let values = self.value.apply(states);
        let size = states.ncols() / heads;
        let mut mixed = Array2::zeros(states.dim());
        for head in 0..heads {
            let part = s![.., head * size..(head + 1) * size];
            let attended = attended(queries.slice(part), keys.slice(part), values.slice(part));
            mixed.slice_mut(part).assign(&attended);
        }
        let mut mixed = self.mixed.apply(&mixed) + states;
        self.mixed_norm.apply(&mut mixed);
        let wide = self.wide.apply(&mixed).mapv_into(gelu);
        let mut out = self.narrow.apply(&wide) + &mixed;
        self.norm.apply(&mut out);
        out
    }
}

/// Scaled dot-product attention of one head (Vaswani et al. 2017).
fn attended(queries: ArrayView2<'_, f32>, keys: ArrayView2<'_, f32>, values: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut scores = queries.dot(&keys.t()) / width(queries.ncols()).sqrt();
    for mut row in scores.rows_mut() {
        let most = row.fold(f32::NEG_INFINITY, |most, score| most.max(*score));
        row.mapv_inplace(|score| (score - most).exp());
        let sum = row.sum();
        row /= sum;
    }
    scores.dot(&values)
}

/// `x * Phi(x)`, the error function by Abramowitz and Stegun 7.1.26 (error below 1.5e-7).
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    let erf = (1.0 - poly * (-z * z).exp()).copysign(x);
    0.5 * x * (1.0 + erf)
}

fn content(text: String) -> NoEncoder {
    NoEncoder::Content(text)
}

fn json(file: &str, bytes: &[u8]) -> Result<Value, NoEncoder> {
    serde_json::from_slice(bytes).map_err(|error| content(format!("{file} is no JSON: {error}")))
}

/// A name for what these files say together: the same weights with other words make other vectors.
fn name(files: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.len().to_le_bytes());
        hash.update(file);
    }
    format!("encoder-{:x}", hash.finalize()).chars().take(24).collect()
}

fn count(config: &Value, name: &str) -> Result<usize, NoEncoder> {
    let found = config[name].as_u64().and_then(|count| usize::try_from(count).ok());
    found
        .filter(|count| (1..=64).contains(count))
        .ok_or_else(|| content(format!("config.json has no {name} from 1 to 64")))
}

fn vocabulary(tokenizer: &Value) -> Result<Vocabulary, NoEncoder> {
    let pieces = tokenizer["model"]["vocab"].as_object();
    let pieces =
        pieces.ok_or_else(|| content("tokenizer.json has no model.vocab: not BERT's word pieces".to_owned()))?;
    let numbered = |(piece, number): (&'_ String, &Value)| Some((piece.clone(), u32::try_from(number.as_u64()?).ok()?));
    let pieces: Option<Vec<_>> = pieces.iter().map(numbered).collect();
    let mut pieces = pieces.ok_or_else(|| content("tokenizer.json: a piece has no number".to_owned()))?;
    pieces.sort_unstable_by_key(|(_, number)| *number);
    let dense = pieces.iter().zip(0..).all(|((_, number), at)| *number == at);
    let dense =
        dense.then_some(pieces).ok_or_else(|| content("tokenizer.json: the pieces' numbers have gaps".to_owned()))?;
    Ok(Vocabulary::new(dense.iter().map(|(piece, number)| (piece.as_str(), *number))))
}

/// The tensors by BERT's names, with or without `bert.` before them.
struct Tensors<'a>(SafeTensors<'a>);

impl Tensors<'_> {
    fn floats(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), NoEncoder> {
        let found = self.0.tensor(name).or_else(|_| self.0.tensor(&format!("bert.{name}")));
        let tensor = found.map_err(|_| content(format!("model.safetensors has no {name}: not a BERT encoder")))?;
        if tensor.dtype() != Dtype::F32 {
            return Err(content(format!("{name} is {:?}; 32-bit floats are read", tensor.dtype())));
        }
        let floats = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok((tensor.shape().to_vec(), floats))
    }

    fn matrix(&self, name: &str) -> Result<Array2<f32>, NoEncoder> {
        let (shape, floats) = self.floats(name)?;
        let [rows, columns] = shape[..] else { return Err(content(format!("{name} is no matrix"))) };
        let found = Array2::from_shape_vec((rows, columns), floats).ok().filter(|matrix| matrix.nrows() > 0);
        found.ok_or_else(|| content(format!("{name} has another shape than it tells")))
    }

    fn vector(&self, name: &str) -> Result<Array1<f32>, NoEncoder> {
        self.floats(name).map(|(_, floats)| Array1::from_vec(floats))
    }

    fn linear(&self, name: &str) -> Result<Linear, NoEncoder> {
        let weight = self.matrix(&format!("{name}.weight"))?.reversed_axes();
        Ok(Linear { weight, bias: self.vector(&format!("{name}.bias"))? })
    }

    fn norm(&self, name: &str, eps: f32) -> Result<Norm, NoEncoder> {
        let (weight, bias) = (self.vector(&format!("{name}.weight"))?, self.vector(&format!("{name}.bias"))?);
        Ok(Norm { weight, bias, eps })
    }

    fn layer(&self, layer: usize, eps: f32) -> Result<Layer, NoEncoder> {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        Ok(Layer {
            query: self.linear(&name("attention.self.query"))?,
            key: self.linear(&name("attention.self.key"))?,
            value: self.linear(&name("attention.self.value"))?,
            mixed: self.linear(&name("attention.output.dense"))?,
            mixed_norm: self.norm(&name("attention.output.LayerNorm"), eps)?,
            wide: self.linear(&name("intermediate.dense"))?,
            narrow: self.linear(&name("output.dense"))?,
            norm: self.norm(&name("output.LayerNorm"), eps)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::{Encoder, NoEncoder, gelu};
    use crate::cache::semantic::embedding::{Embedder, Embedding};

    /// Texts, their pieces and vectors by the reference, made by `scripts/embeddings/fixtures.py`.
    fn fixtures() -> Vec<Value> {
        include_str!("fixtures.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn vectors_are_those_of_the_reference() {
        let Some(folder) = std::env::var_os("TOLLGATE_ENCODER").map(PathBuf::from) else {
            eprintln!("TOLLGATE_ENCODER names no model folder: no vectors compared");
            return;
        };
        let encoder = Encoder::open(&folder).unwrap();
        for line in fixtures() {
            let text = line["text"].as_str().unwrap();
            let told: Vec<_> = line["vector"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
            let floats = encoder.forward(&ids(&encoder, text));
            let length = floats.dot(&floats).sqrt();
            for (is, told) in floats.iter().zip(&told) {
                assert!((f64::from(is / length) - told).abs() < 1e-4, "{text}: {is} / {told}");
            }
        }
        assert_eq!(encoder.embed(""), None);
        assert_eq!(encoder.embed(&"word ".repeat(129)), None);
        assert_eq!(encoder.embed("word").as_ref().map(Embedding::dimensions), Some(encoder.words.ncols()));
    }

    fn ids(encoder: &Encoder, text: &str) -> Vec<u32> {
        let [first, last, unknown] = encoder.special;
        let inner = encoder.vocabulary.pieces(text).into_iter().map(|piece| piece.unwrap_or(unknown));
        [first].into_iter().chain(inner).chain([last]).collect()
    }

    #[test]
    fn a_folder_without_an_encoder_is_told_apart() {
        assert!(matches!(Encoder::open(&PathBuf::from("/nowhere")), Err(NoEncoder::File { file: "config.json", .. })));
        let config = json!({"num_attention_heads": 2, "num_hidden_layers": 1}).to_string();
        let tokenizer = json!({"model": {"vocab": {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2}}}).to_string();
        let empty = [2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}'];
        for (config, tokenizer, weights, told) in [
            ("{", "{}", &empty[..], "config.json is no JSON"),
            ("{}", "{}", &empty[..], "model.vocab"),
            ("{}", &tokenizer, &empty[..], "num_attention_heads"),
            (&config, &tokenizer, &empty[..], "word_embeddings"),
            (&config, &tokenizer, b"short", "model.safetensors"),
        ] {
            let error = Encoder::read(config.as_bytes(), tokenizer.as_bytes(), weights).unwrap_err().to_string();
            assert!(error.contains(told) || error.contains("token_type"), "{error}");
        }
    }

    #[test]
    fn gelu_is_x_times_the_normal_distribution() {
        for (x, expected) in [(0.0, 0.0), (1.0, 0.841_344_7), (-1.0, -0.158_655_3), (3.0, 2.995_950_3), (-6.0, 0.0)] {
            assert!((gelu(x) - expected).abs() < 1e-6, "{x}");
        }
    }
}
