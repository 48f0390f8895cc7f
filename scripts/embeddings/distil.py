"""Makes `builtin.bin`, the static table of word pieces inside the binary, from a sentence encoder.

    python distil.py MODEL_FOLDER OUT_FILE

Every word piece goes through the encoder alone ([CLS] piece [SEP]); principal components reduce the vectors to 256
dimensions; smooth inverse frequency weighs them, the rank in the vocabulary standing for the frequency by Zipf's law
(BERT vocabularies list single characters first, then words by falling frequency); int8 with one scale a row stores them.
The same folder gives the same file.

Layout of the file, little endian: b"TGE1", u32 pieces, u32 dimensions, then of each piece f32 scale, then of each piece
the dimensions as int8, then the pieces in UTF-8, one a line.
"""

import hashlib
import pathlib
import struct
import sys

import numpy as np

from encoder import Encoder

DIMENSIONS = 256
BATCH = 512


def kept(piece):
    """Unused slots and special tokens never come out of a text."""
    return not (piece.startswith("[") and piece.endswith("]"))


def weights(pieces):
    """Smooth inverse frequency, a / (a + p), with a = 0.001 (Arora et al. 2017)."""
    start = pieces.index("the")
    ranks = np.array([rank(piece, at - start) for at, piece in enumerate(pieces)], dtype=np.float64)
    share = (1 / ranks) / np.sum(1 / np.arange(1, len(pieces) - start + 1))
    return 1e-3 / (1e-3 + share)


def rank(piece, after):
    """The rank among words; single characters are not sorted: signs are as common as words get, others are not."""
    if after >= 0:
        return after + 1
    return 200 if piece.isalnum() else 3


def main(folder, out):
    encoder = Encoder(folder)
    vocab = encoder.vocab
    pieces = sorted((piece for piece in vocab if kept(piece)), key=vocab.get)
    first, last = vocab["[CLS]"], vocab["[SEP]"]
    ids = np.array([[first, vocab[piece], last] for piece in pieces])
    vectors = np.concatenate([encoder(ids[at : at + BATCH]) for at in range(0, len(ids), BATCH)]).astype(np.float64)
    vectors -= vectors.mean(0)
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    axes = axes[:, ::-1][:, :DIMENSIONS]
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(DIMENSIONS)])
    vectors = vectors @ axes
    vectors *= weights(pieces)[:, None]
    scales = np.abs(vectors).max(1) / 127
    stored = np.rint(vectors / scales[:, None]).astype(np.int8)
    blob = b"TGE1" + struct.pack("<II", len(pieces), DIMENSIONS) + scales.astype("<f4").tobytes()
    blob += stored.tobytes() + "\n".join(pieces).encode()
    pathlib.Path(out).write_bytes(blob)
    print(f"{len(pieces)} pieces, {len(blob)} bytes, sha256 {hashlib.sha256(blob).hexdigest()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
