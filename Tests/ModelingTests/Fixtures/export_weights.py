"""Writes `weights`: one tiny BERT in all the files that WeightFilesTests reads. Needs torch, transformers, safetensors.

All values are exact in bfloat16 and in float16, so that every file must give the same floats.
"""

import json
import os

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(3)
os.makedirs("weights", exist_ok=True)
config = BertConfig(vocab_size=11, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=6,
                    max_position_embeddings=5, num_labels=3)
model = BertForSequenceClassification(config)
state = {k: v.bfloat16().half().float() for k, v in model.state_dict().items()}
config.architectures = ["BertForSequenceClassification"]
with open("weights/config.json", "w") as file:
    json.dump({**config.to_diff_dict(), "num_labels": 3}, file, indent=1)


def old(name):
    if "LayerNorm" in name:
        return name.replace(".weight", ".gamma").replace(".bias", ".beta")
    return name


def short(name):
    return name.removeprefix("bert.")


def write(name, state):
    save_file({k: v.contiguous() for k, v in state.items()}, f"weights/{name}.safetensors", metadata={"format": "pt"})


write("whole", state)
write("half", {k: v.half() for k, v in state.items()})
write("bfloat", {k: v.bfloat16() for k, v in state.items()})
write("old", {old(k): v for k, v in state.items()})
write("short", {short(k): v for k, v in state.items()})
write("old_short", {old(short(k)): v for k, v in state.items()})
torch.save(state, "weights/whole.bin")
torch.save({k: v.half() for k, v in state.items()}, "weights/half.bin")
torch.save({old(short(k)): v.bfloat16() for k, v in state.items()}, "weights/bfloat_old_short.bin",
           _use_new_zipfile_serialization=False)
names = list(state)
parts = [{k: state[k] for k in names[:9]}, {k: state[k] for k in names[9:]}]
for number, part in enumerate(parts):
    torch.save(part, f"weights/part-{number}.bin")
    write(f"part-{number}", part)
for suffix, index in [("bin", "pytorch_model.bin.index.json"), ("safetensors", "model.safetensors.index.json")]:
    with open(f"weights/{index}", "w") as file:
        json.dump({"metadata": {}, "weight_map": {k: f"part-{i}.{suffix}" for i, p in enumerate(parts) for k in p}}, file)
