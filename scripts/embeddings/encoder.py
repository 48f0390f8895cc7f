"""A BERT-type sentence encoder in plain numpy: the reference that both the built-in table and the Rust encoder are made
from and checked against. Reads `model.safetensors`, `config.json` and `tokenizer.json` of a folder; no network, no torch.

Deliberately not here: what is made from it (`distil.py`, `fixtures.py`).
"""

import json
import math
import pathlib
import struct

import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def tensors(path):
    """All tensors of a safetensors file: a JSON header of offsets, then the bytes."""
    raw = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    body = memoryview(raw)[8 + length :]
    found = {}
    for name, of in header.items():
        start, end = of["data_offsets"]
        array = np.frombuffer(body[start:end], dtype=DTYPES[of["dtype"]]).reshape(of["shape"])
        found[name.removeprefix("bert.")] = array.astype(np.float32) if array.dtype != np.int64 else array
    return found


def gelu(x):
    """Exact gelu: x * Phi(x), with the error function by Abramowitz and Stegun 7.1.26 (error below 1.5e-7)."""
    z = np.abs(x) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    return 0.5 * x * (1 + erf)


class Encoder:
    """Forward pass with mean pooling and a unit result."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        self.weights = tensors(folder / "model.safetensors")
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.eps = config.get("layer_norm_eps", 1e-12)
        self.vocab = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]

    def norm(self, x, name):
        mean = x.mean(-1, keepdims=True)
        var = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(var + self.eps) * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def attention(self, x, name):
        batch, length, width = x.shape
        split = lambda y: y.reshape(batch, length, self.heads, -1).transpose(0, 2, 1, 3)
        q, k, v = (split(self.linear(x, f"{name}.self.{part}")) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        mixed = mixed.transpose(0, 2, 1, 3).reshape(batch, length, width)
        return self.norm(self.linear(mixed, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")

    def __call__(self, ids):
        """Unit vectors of equally long sequences of token ids, which carry their [CLS] and [SEP]."""
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self.norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            x = self.attention(x, f"{name}.attention")
            y = self.linear(gelu(self.linear(x, f"{name}.intermediate.dense")), f"{name}.output.dense")
            x = self.norm(y + x, f"{name}.output.LayerNorm")
        pooled = x.mean(1)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
