"""Tiny random models of every family but BERT, with reference logits, loss and gradients, from transformers 5.

usage: export_families.py OUTDIR [NAME ...]    (needs torch, transformers; NAMEs of CASES below, by default all)
Writes for each case OUTDIR/NAME/config.json and model.safetensors, as transformers saves them, and
reference.safetensors holding input_ids, attention_mask, token_type_ids (zeros for families without them), labels,
logits, loss and grad.<name of the tensor in model.safetensors>.

- classes: one label a sequence; the loss is the mean over sequences.
- tokens, words (token classification and masked language models): a label a token, -100 where there is none; the loss
  is the mean over labels; logits are those of the tokens that have a label, in the order of the batch.
- encoder: the bare model. `logits` are the means over each sequence's rows of the last layer, `last_hidden_state` has
  all rows, and the loss is the sum of logits * `output_gradient`.

Biases and norms are random too. The models are in eval mode, so that there is no dropout, whatever config.json says:
its probabilities are all different, to see that each is read and written back.
"""
import json
import os
import sys

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

transformers.utils.logging.disable_progress_bar()

LENGTHS = (12, 3, 7, 1, 9)
BERT_SIZES = dict(
    vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
    max_position_embeddings=20, initializer_range=0.03, hidden_dropout_prob=0.15, attention_probs_dropout_prob=0.05)
DISTIL_SIZES = dict(
    vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=20, max_position_embeddings=16, initializer_range=0.03,
    dropout=0.15, attention_dropout=0.05, seq_classif_dropout=0.25)
MODERN_SIZES = dict(
    vocab_size=40, hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=40, initializer_range=0.03, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1,
    sep_token_id=2, local_attention=6)
LONG = (90, 3, 41, 1, 18)
HEADS = {
    "classes": "ForSequenceClassification", "tokens": "ForTokenClassification", "words": "ForMaskedLM",
    "encoder": "Model",
}


def bert(**changes):
    return {**BERT_SIZES, **changes}


def distil(**changes):
    return {**DISTIL_SIZES, **changes}


def modern(**changes):
    return {**MODERN_SIZES, **changes}


# name: (what classes of the family begin with, head, configuration, lengths of the sequences)
CASES = {
    "distilbert-classes": ("DistilBert", "classes", distil(num_labels=3), LENGTHS),
    "distilbert-relu": ("DistilBert", "classes", distil(
        dim=12, n_layers=1, n_heads=3, activation="relu", num_labels=2, seq_classif_dropout=0.0), LENGTHS),
    "distilbert-tokens": ("DistilBert", "tokens", distil(n_layers=1, num_labels=5), LENGTHS),
    "distilbert-words": ("DistilBert", "words", distil(), LENGTHS),

    # The offset of positions is one more than the padding token, and there is one type of token.
    "roberta-classes": ("Roberta", "classes", bert(
        pad_token_id=1, type_vocab_size=1, num_labels=4, classifier_dropout=0.25, layer_norm_eps=1e-5), LENGTHS),
    "roberta-types": ("Roberta", "classes", bert(
        pad_token_id=3, type_vocab_size=2, num_labels=2, hidden_act="gelu_new", hidden_size=12,
        num_attention_heads=3, num_hidden_layers=1), LENGTHS),
    "roberta-tokens": ("Roberta", "tokens", bert(pad_token_id=1, type_vocab_size=1, num_labels=5), LENGTHS),
    "roberta-words": ("Roberta", "words", bert(pad_token_id=1, type_vocab_size=1), LENGTHS),
    "xlm-roberta-classes": ("XLMRoberta", "classes", bert(
        pad_token_id=1, type_vocab_size=1, num_labels=3, num_hidden_layers=1), LENGTHS),
    "camembert-words": ("Camembert", "words", bert(pad_token_id=1, type_vocab_size=1, num_hidden_layers=1), LENGTHS),

    "electra-classes": ("Electra", "classes", bert(
        embedding_size=8, num_labels=3, classifier_dropout=0.25), LENGTHS),
    # Embeddings as wide as layers, as in ELECTRA base: no projection. And the tanh form of GELU.
    "electra-wide": ("Electra", "classes", bert(
        embedding_size=16, num_labels=2, num_hidden_layers=1, hidden_act="gelu_pytorch_tanh"), LENGTHS),
    "electra-tokens": ("Electra", "tokens", bert(embedding_size=24, num_labels=5, num_hidden_layers=1), LENGTHS),
    "electra-words": ("Electra", "words", bert(embedding_size=8, num_hidden_layers=1), LENGTHS),

    # Up to distances that share a bucket.
    "mpnet-classes": ("MPNet", "classes", bert(max_position_embeddings=92, num_labels=3), LONG),
    # Whatever token is the padding, positions begin at 2.
    "mpnet-padding": ("MPNet", "classes", bert(
        pad_token_id=0, num_labels=2, num_attention_heads=4, num_hidden_layers=1), LENGTHS),
    "mpnet-tokens": ("MPNet", "tokens", bert(num_labels=5, num_hidden_layers=1), LENGTHS),
    "mpnet-words": ("MPNet", "words", bert(num_hidden_layers=1), LENGTHS),
    "mpnet-encoder": ("MPNet", "encoder", bert(max_position_embeddings=45), (41, 3, 17, 1, 9, 5)),

    # Layers 0 and 3 attend to all tokens; no biases; most sequences are longer than the window.
    "modernbert-classes": ("ModernBert", "classes", modern(num_labels=3, hidden_size=12), LENGTHS),
    "modernbert-biases": ("ModernBert", "classes", modern(
        num_labels=4, attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True,
        classifier_pooling="mean", num_hidden_layers=3, global_attn_every_n_layers=2, local_attention=4,
        classifier_dropout=0.25, embedding_dropout=0.15, mlp_dropout=0.15, attention_dropout=0.05,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}), LENGTHS),
    # All layers attend to all tokens; heads of 6; the mean without a bias anywhere.
    "modernbert-global": ("ModernBert", "classes", modern(
        num_labels=2, hidden_size=12, num_hidden_layers=2, global_attn_every_n_layers=1, classifier_pooling="mean",
        classifier_activation="relu", norm_eps=1e-3), LENGTHS),
    # A list of layers that no number says, and an odd width of the window; one kind of bias.
    "modernbert-list": ("ModernBert", "classes", modern(
        num_labels=3, num_hidden_layers=3, local_attention=3, mlp_bias=True, classifier_activation="tanh",
        layer_types=["sliding_attention", "sliding_attention", "full_attention"]), LENGTHS),
    # config.json as versions before 5 have it.
    "modernbert-old": ("ModernBert", "classes", modern(
        num_labels=3, num_hidden_layers=3, norm_bias=True, global_attn_every_n_layers=2,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 2000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}}), LENGTHS),
    "modernbert-tokens": ("ModernBert", "tokens", modern(num_labels=5, num_hidden_layers=2), LENGTHS),
    "modernbert-words": ("ModernBert", "words", modern(num_hidden_layers=2), LENGTHS),
    "modernbert-words-biases": ("ModernBert", "words", modern(
        num_hidden_layers=1, norm_bias=True, classifier_bias=True, hidden_size=12), LENGTHS),
}


def randomize(model):
    for name, p in model.named_parameters():
        torch.nn.init.normal_(p, std=0.25)
        is_norm = any(part in name.lower() for part in ("layernorm", "layer_norm", "norm."))
        if is_norm and name.endswith("weight"):
            with torch.no_grad():
                p += 1


def make_batch(config, head, lengths):
    width = max(lengths)
    ids = torch.randint(5, config.vocab_size, (len(lengths), width))
    mask = torch.ones_like(ids)
    for i, n in enumerate(lengths):
        mask[i, n:] = 0
        ids[i, n:] = config.pad_token_id
    types = torch.zeros_like(ids)
    if getattr(config, "type_vocab_size", 0) > 1:
        types = (torch.arange(width)[None] >= 4).long().expand(len(lengths), width) * mask
    if head == "classes":
        labels = torch.randint(0, config.num_labels, (len(lengths),))
    else:
        count = config.vocab_size if head == "words" else config.num_labels
        share = 0.35 if head == "words" else 0.8
        labels = torch.randint(0, count, ids.shape)
        labels[(torch.rand(ids.shape) > share) | (mask == 0)] = -100
        labels[1] = -100  # A sequence without a label.
        labels[0, 3] = 4
    return ids, mask, types, labels


def old_config(path):
    """config.json as transformers 4 wrote it."""
    with open(path) as file:
        config = json.load(file)
    rope = config.pop("rope_parameters")
    del config["layer_types"]
    config["global_attn_every_n_layers"] = 2
    config["global_rope_theta"] = rope["full_attention"]["rope_theta"]
    config["local_rope_theta"] = rope["sliding_attention"]["rope_theta"]
    config["position_embedding_type"] = "absolute"
    config["torch_dtype"] = config.pop("dtype")
    with open(path, "w") as file:
        json.dump(config, file, indent=2, sort_keys=True)


def compute(model, head, batch):
    ids, mask, types, labels = batch
    inputs = dict(input_ids=ids, attention_mask=mask)
    if getattr(model.config, "type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = types
    if head != "encoder":
        o = model(**inputs, labels=labels)
        logits = o.logits if head == "classes" else o.logits[labels != -100]
        return o.loss, dict(labels=labels, logits=logits)
    hidden = model(**inputs).last_hidden_state
    means = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    gradient = torch.randn(means.shape, generator=torch.Generator().manual_seed(1))
    rows = hidden[mask == 1]
    return (means * gradient).sum(), dict(logits=means, last_hidden_state=rows, output_gradient=gradient)


def export(out, name, seed):
    family, head, settings, lengths = CASES[name]
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**settings)
    config._attn_implementation = "eager"
    model = getattr(transformers, family + HEADS[head])(config)
    randomize(model)
    model.eval()
    batch = make_batch(config, head, lengths)
    loss, values = compute(model, head, batch)
    loss.backward()
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)
    if name.endswith("-old"):
        old_config(os.path.join(folder, "config.json"))
    gradients = {n: p.grad for n, p in model.named_parameters(remove_duplicate=False) if p.grad is not None}
    with safe_open(os.path.join(folder, "model.safetensors"), "pt") as file:
        names = set(file.keys())
    unused = {n for n in names if n not in gradients}
    assert all(n.startswith("pooler.") for n in unused), unused
    reference = dict(input_ids=batch[0], attention_mask=batch[1], token_type_ids=batch[2], loss=loss[None], **values)
    reference.update({"grad." + n: gradients[n] for n in names - unused})
    assert all(v.isfinite().all() for v in reference.values())
    reference = {k: v.detach().contiguous() for k, v in reference.items()}
    save_file(reference, os.path.join(folder, "reference.safetensors"))
    # What is saved says the same.
    again = type(model).from_pretrained(folder, attn_implementation="eager").eval()
    assert torch.equal(compute(again, head, batch)[0], loss), name
    print(f"{name}: {sum(g.numel() for g in gradients.values())} numbers, loss {loss.item():.4f}")


names = sys.argv[2:] or list(CASES)
for name in names:
    export(sys.argv[1], name, list(CASES).index(name))
