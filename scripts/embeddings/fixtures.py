"""Makes the fixtures that hold the Rust tokenizer and encoder to the reference.

    python fixtures.py MODEL_FOLDER OUT_FILE

Needs the `tokenizers` package. One JSON line a text: its pieces by the reference tokenizer, and the first values of its
vector by the numpy encoder.
"""

import json
import pathlib
import sys

import numpy as np
from tokenizers import Tokenizer

from encoder import Encoder

TEXTS = [
    "How do I reset my password?",
    "Où est l'Hôtel de Ville à Besançon?",
    "C++ vs. C#: which is faster, v1.2.3 or 2.0-rc1?",
    "unaffable antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "日本語のテキスト and 한국어 mixed",
    "  tabs\tand\nnew lines  ",
    "It's 30% off -- don't wait! (really)",
    "user@example.org https://example.org/a?b=c",
    "Straße ÅNGSTRÖM ﬁne naïve café",
    "हिन्दी में लिखा हुआ",
    "Привет, как дела?",
    "مرحبا كيف حالك؟",
    "emoji 😀 and \u200b zero width",
    "x" * 120,
]


def main(folder, out):
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    encoder = Encoder(folder)
    lines = []
    for text in TEXTS:
        encoded = tokenizer.encode(text)
        vector = encoder(np.array([encoded.ids]))[0]
        values = [round(float(value), 5) for value in vector[:16]]
        lines.append(json.dumps({"text": text, "pieces": encoded.tokens[1:-1], "vector": values}, ensure_ascii=False))
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
