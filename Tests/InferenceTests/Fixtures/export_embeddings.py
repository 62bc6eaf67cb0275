"""Writes a tiny random BERT, and the embeddings that sentence-transformers makes with it, which EmbeddingPipelineTests
compares with. Needs torch, transformers and sentence-transformers; run it in this folder."""

import json
import os
import shutil

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

torch.manual_seed(5)
torch.set_num_threads(1)
words = "the a cod eel swims eats red blue in sea of deep fast slow and".split()
os.makedirs("tiny", exist_ok=True)
with open("tiny/vocab.txt", "w") as file:
    file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words) + "\n")
BertTokenizerFast("tiny/vocab.txt", model_max_length=12).save_pretrained("work")
config = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                    max_position_embeddings=16, initializer_range=0.3)
BertModel(config, add_pooling_layer=False).save_pretrained("work")
texts = ["the cod swims", "A RED eel eats the blue cod in the deep sea and swims fast and slow", "", "eel eel whale",
         "slow"]
result = {"texts": texts, "embeddings": {}}
for mode in ["cls", "mean", "max", "mean_sqrt_len_tokens"]:
    for normalizes in [False, True]:
        transformer = Transformer("work", max_seq_length=12)
        modules = [transformer, Pooling(16, pooling_mode=mode)] + ([Normalize()] if normalizes else [])
        model = SentenceTransformer(modules=modules, device="cpu")
        key = mode + (" normalized" if normalizes else "")
        result["embeddings"][key] = model.encode(texts).tolist()
        result["embeddings"][key + " prefixed"] = model.encode(["the sea " + text for text in texts]).tolist()
        if mode == "mean" and normalizes:
            model.save("work-saved")
            shutil.copy("work-saved/modules.json", "tiny/modules.json")
            os.makedirs("tiny/1_Pooling", exist_ok=True)
            shutil.copy("work-saved/1_Pooling/config.json", "tiny/1_Pooling/config.json")
for name in ["config.json", "model.safetensors", "tokenizer_config.json", "tokenizer.json"]:
    shutil.copy(f"work/{name}", f"tiny/{name}")
with open("embeddings.json", "w") as file:
    json.dump(result, file)
shutil.rmtree("work")
shutil.rmtree("work-saved")
