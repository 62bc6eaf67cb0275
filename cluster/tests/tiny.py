"""Writes a model of 2 layers, 32 wide, with random weights, and data that can be learnt, to the folder given.

Small enough that a test of launchers spends its time on launching. Python's standard library only.
"""

import json
import random
import struct
import sys
from pathlib import Path

WORDS = {
    "fish": ["cod", "eel", "tuna", "pike", "carp"],
    "fruit": ["fig", "plum", "pear", "kiwi", "lime"],
    "metal": ["iron", "zinc", "gold", "lead", "tin"],
}
FILLERS = ["the", "a", "of", "some", "more", "with", "and", "we", "saw", "much"]
HIDDEN, LAYERS, INTERMEDIATE, POSITIONS = 32, 2, 64, 128


def write_model(folder: Path, draw: random.Random) -> None:
    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sum(WORDS.values(), []), *FILLERS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    configuration = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "vocab_size": len(vocabulary),
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
    (folder / "config.json").write_text(json.dumps(configuration))

    shapes = {
        "embeddings.word_embeddings.weight": [len(vocabulary), HIDDEN],
        "embeddings.position_embeddings.weight": [POSITIONS, HIDDEN],
        "embeddings.token_type_embeddings.weight": [2, HIDDEN],
        "pooler.dense.weight": [HIDDEN, HIDDEN],
        "pooler.dense.bias": [HIDDEN],
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for product in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]:
            shapes[f"{name}.{product}.weight"] = [HIDDEN, HIDDEN]
            shapes[f"{name}.{product}.bias"] = [HIDDEN]
        shapes[f"{name}.intermediate.dense.weight"] = [INTERMEDIATE, HIDDEN]
        shapes[f"{name}.intermediate.dense.bias"] = [INTERMEDIATE]
        shapes[f"{name}.output.dense.weight"] = [HIDDEN, INTERMEDIATE]
        shapes[f"{name}.output.dense.bias"] = [HIDDEN]
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
    for name in norms:
        shapes[f"{name}.weight"] = [HIDDEN]
        shapes[f"{name}.bias"] = [HIDDEN]

    header, data = {}, bytearray()
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        scale = name.endswith("LayerNorm.weight")
        values = [1.0 if scale else draw.uniform(-0.1, 0.1) for _ in range(count)]
        begin = len(data)
        data += struct.pack(f"<{count}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)


def write_data(path: Path, count: int, draw: random.Random) -> None:
    lines = ["label,text"]
    for i in range(count):
        label = list(WORDS)[i % 3]
        words = [draw.choice(FILLERS) for _ in range(draw.randint(2, 13))]
        for _ in range(3):
            words.insert(draw.randint(0, len(words)), draw.choice(WORDS[label]))
        lines.append(f"{label},{' '.join(words)}")
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    folder, draw = Path(sys.argv[1]), random.Random(1)
    write_model(folder / "model", draw)
    write_data(folder / "train.csv", 52, draw)


main()
