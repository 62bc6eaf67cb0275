"""Writes a tiny random masked language model with its tokenizer, and what the fill-mask pipeline of transformers says of
some texts, which MaskFillerTests compares with. Needs torch and transformers; run it in this folder."""

import json
import os
import shutil

import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast, pipeline

torch.manual_seed(6)
torch.set_num_threads(1)
words = "the a cod eel swims eats red blue in sea of deep fast slow and ##s".split()
os.makedirs("fill-mask", exist_ok=True)
with open("work.txt", "w") as file:
    file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words) + "\n")
tokenizer = BertTokenizerFast("work.txt", model_max_length=12)
config = BertConfig(vocab_size=21, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
                    max_position_embeddings=16, initializer_range=0.4)
model = BertForMaskedLM(config).eval()
for parameter in model.parameters():
    if parameter.dim() == 1:
        torch.nn.init.normal_(parameter, mean=1.0, std=0.3)
model.save_pretrained("fill-mask")
tokenizer.save_pretrained("fill-mask")
texts = ["the [MASK] swims", "[MASK] eel eats the [MASK] cod in the sea", "a deep blue [MASK]", "[MASK][MASK]"]
fill = pipeline("fill-mask", model=model, tokenizer=tokenizer, top_k=4)
found = []
for text in texts:
    result = fill(text)
    found.append(result if isinstance(result[0], list) else [result])
with open("fill-mask.json", "w") as file:
    json.dump({"texts": texts, "masks": [[[{key: candidate[key] for key in ("score", "token", "token_str")}
                                           for candidate in mask] for mask in masks] for masks in found]}, file)
os.remove("work.txt")
for name in ["special_tokens_map.json", "generation_config.json"]:
    if os.path.exists(f"fill-mask/{name}"):
        os.remove(f"fill-mask/{name}")
