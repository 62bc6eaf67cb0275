"""The usual ways to learn from few examples, on the examples that `shoal benchmark few-shot` has drawn.

    few_shot_peers.py --model DIR --test TEST.csv --draws BENCH/draws [--methods probe-c1,probe-c10,setfit,finetune,setfit-package,fast-fit]
                      [--max-length 128] [--threads N] [--batch 32]

A draw is a CSV file `kK-seedS.csv` with the columns label and text, as the benchmark leaves them in its folder; a single
file does as well. Methods:

probe-c1, probe-c10  scikit-learn's LogisticRegression(C=1 or 10) on the embeddings of sentence-transformers
setfit               SetFit's recipe (Tunstall et al. 2022): 20 pairs of one class and 20 of two for each text, the squared
                     error of their cosines, AdamW 2e-5, batches of 16, one pass; then LogisticRegression(C=1)
setfit-package       the package `setfit` itself: its trainer with num_iterations=20, and its classifier
fast-fit             the package `fast-fit` itself, with the settings of its README: 40 passes, batches of 32, 4 repeats
finetune             a new classifier of `transformers` and the encoder together: AdamW 5e-5, batches of 16, 20
                     passes, linear warmup over a tenth and decay, gradients clipped to 1

Prints one line a trial as it ends: method, k, seed, accuracy and the seconds that it took without the test set; then a
line for each method and k with the mean and the half-width of its 95% confidence interval by Student's t.
Needs torch, transformers, sentence-transformers, scikit-learn and scipy; only where they are asked for setfit, and
fast-fit, which needs an environment of its own ("transformers<4.47" "datasets<3" "pyarrow<18" "numpy<2" "pandas<2.3"
"scikit-learn<1.6" "accelerate<1.3").
"""

import argparse
import csv
import os
import random
import re
import sys
import tempfile
import time

METHODS = ["probe-c1", "probe-c10", "setfit", "finetune", "setfit-package", "fast-fit"]
STANDARD = METHODS[:4]


def read(path):
    """The (label, text) rows of a CSV file."""
    csv.field_size_limit(sys.maxsize)
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"label", "text"} - set(reader.fieldnames or [])
        if missing:
            sys.exit(f"{path}: has no column {' or '.join(sorted(missing))}")
        rows = [(row["label"], row["text"]) for row in reader]
    if not rows:
        sys.exit(f"{path}: has no examples")
    return rows


def draws(path):
    """(k, seed, file) of each draw; k is the number of examples of the largest class where no name says it."""
    files = [path] if os.path.isfile(path) else sorted(os.path.join(path, name) for name in os.listdir(path))
    found = []
    for file in files:
        match = re.fullmatch(r"k(\d+)-seed(\d+)\.csv", os.path.basename(file))
        if match:
            found.append((int(match[1]), int(match[2]), file))
        elif os.path.isfile(path):
            labels = [label for label, _ in read(file)]
            found.append((max(labels.count(label) for label in set(labels)), 0, file))
    if not found:
        sys.exit(f"{path}: has no draws kK-seedS.csv; give the folder draws/ of a few-shot benchmark, or one file")
    return sorted(found)


class Trial:
    """One draw, one test set."""

    def __init__(self, options, shots, test, seed):
        self.options, self.shots, self.test, self.seed = options, shots, test, seed
        self.labels = sorted({label for label, _ in shots})

    def sentence_model(self):
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(self.options.model, device="cpu")
        model.max_seq_length = self.options.max_length
        return model

    def classify(self, model, strength, start):
        """Accuracy of a logistic regression on the model's embeddings, and the seconds since `start` to it."""
        from sklearn.linear_model import LogisticRegression

        def embeddings(rows):
            return model.encode([text for _, text in rows], batch_size=self.options.batch)

        classifier = LogisticRegression(C=strength, max_iter=10_000)
        classifier.fit(embeddings(self.shots), [label for label, _ in self.shots])
        seconds = time.time() - start
        return classifier.score(embeddings(self.test), [label for label, _ in self.test]), seconds

    def probe(self, strength):
        model = self.sentence_model()
        return self.classify(model, strength, time.time())

    def setfit(self):
        import torch

        torch.manual_seed(self.seed)
        model, start = self.sentence_model(), time.time()
        own = {label: [text for other, text in self.shots if other == label] for label in self.labels}
        source, pairs = random.Random(self.seed), []
        for label, text in self.shots:
            for _ in range(20):
                other = source.choice([name for name in self.labels if name != label])
                pairs += [(text, source.choice(own[label]), 1.0), (text, source.choice(own[other]), 0.0)]
        source.shuffle(pairs)
        steps = max(1, len(pairs) // 16)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
        model.train()

        def embed(texts):
            return model(model.tokenize(texts))["sentence_embedding"]

        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 2e-5 * min(1, (step + 1) / max(1, steps // 10)) * (1 - step / steps)
            batch = pairs[step * 16 : (step + 1) * 16]
            cosines = torch.nn.functional.cosine_similarity(
                embed([one for one, _, _ in batch]), embed([two for _, two, _ in batch])
            )
            torch.nn.functional.mse_loss(cosines, torch.tensor([score for _, _, score in batch])).backward()
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        return self.classify(model, 1.0, start)

    def finetune(self):
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.manual_seed(self.seed)
        tokenizer = AutoTokenizer.from_pretrained(self.options.model)
        model = AutoModelForSequenceClassification.from_pretrained(self.options.model, num_labels=len(self.labels))

        def tokens(texts):
            return tokenizer(
                texts, padding=True, truncation=True, max_length=self.options.max_length, return_tensors="pt"
            )

        start, passes, size = time.time(), 20, 16
        rows, source = list(self.shots), random.Random(self.seed)
        steps, step = passes * ((len(rows) + size - 1) // size), 0
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
        model.train()
        for _ in range(passes):
            source.shuffle(rows)
            for first in range(0, len(rows), size):
                step += 1
                for group in optimizer.param_groups:
                    group["lr"] = 5e-5 * min(1, step / (0.1 * steps + 1)) * max(0, 1 - step / steps)
                batch = rows[first : first + size]
                truth = torch.tensor([self.labels.index(label) for label, _ in batch])
                model(**tokens([text for _, text in batch]), labels=truth).loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
        seconds = time.time() - start
        model.eval()
        right = 0
        with torch.no_grad():
            for first in range(0, len(self.test), self.options.batch):
                batch = self.test[first : first + self.options.batch]
                best = model(**tokens([text for _, text in batch])).logits.argmax(dim=1).tolist()
                right += sum(self.labels[i] == label for i, (label, _) in zip(best, batch))
        return right / len(self.test), seconds

    def setfit_package(self):
        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments

        model = SetFitModel.from_pretrained(self.options.model, labels=self.labels, device="cpu")
        model.model_body.max_seq_length = self.options.max_length
        rows = {"text": [text for _, text in self.shots], "label": [label for label, _ in self.shots]}
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder, batch_size=16, num_epochs=1, num_iterations=20, seed=self.seed, report_to="none",
                save_strategy="no", show_progress_bar=False,
            )
            trainer = Trainer(model=model, args=arguments, train_dataset=Dataset.from_dict(rows))
            start = time.time()
            trainer.train()
            seconds = time.time() - start
        found = list(model.predict([text for _, text in self.test], batch_size=self.options.batch))
        return sum(str(one) == label for one, (label, _) in zip(found, self.test)) / len(self.test), seconds

    def fast_fit(self):
        import fastfit.train
        from datasets import Dataset, DatasetDict
        from fastfit import FastFitTrainer

        class Accuracy:
            """In place of one that it would load from the network."""

            def compute(self, predictions, references):
                return {"accuracy": float((predictions == references).mean())}

        fastfit.train.load_metric = lambda *_, **__: Accuracy()

        def rows(examples):
            return Dataset.from_dict(
                {"text": [text for _, text in examples], "label": [label.replace("_", " ") for label, _ in examples]}
            )

        with tempfile.TemporaryDirectory() as folder:
            trainer = FastFitTrainer(
                model_name_or_path=self.options.model, label_column_name="label", text_column_name="text",
                num_train_epochs=40, per_device_train_batch_size=32, per_device_eval_batch_size=self.options.batch,
                max_text_length=self.options.max_length, dataloader_drop_last=False, num_repeats=4, optim="adafactor",
                clf_loss_factor=0.1, fp16=False, use_cpu=True, seed=self.seed, output_dir=folder, report_to="none",
                evaluation_strategy="no", save_strategy="no", overwrite_output_dir=True,
                dataset=DatasetDict(
                    {"train": rows(self.shots), "validation": rows(self.shots[:8]), "test": rows(self.test)}
                ),
            )
            start = time.time()
            trainer.train()
            seconds = time.time() - start
            return trainer.test()["eval_accuracy"], seconds

    def run(self, method):
        if method == "setfit-package":
            return self.setfit_package()
        if method == "fast-fit":
            return self.fast_fit()
        if method == "setfit":
            return self.setfit()
        if method == "finetune":
            return self.finetune()
        return self.probe(float(method.removeprefix("probe-c")))


def margin(values):
    """Half of the 95% confidence interval of the mean."""
    from scipy.stats import t

    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return t.ppf(0.975, len(values) - 1) * (variance / len(values)) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--draws", required=True)
    parser.add_argument("--methods", default=",".join(STANDARD))
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    methods = options.methods.split(",")
    for method in methods:
        if method not in METHODS:
            parser.error(f"--methods: {method} is none of {', '.join(METHODS)}")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(options.threads)
    test, found = read(options.test), {}
    for k, seed, file in draws(options.draws):
        shots = read(file)
        for method in methods:
            accuracy, seconds = Trial(options, shots, test, seed).run(method)
            found.setdefault((method, k), []).append(accuracy)
            print(f"{method} k={k} seed={seed} accuracy={accuracy:.4f} seconds={seconds:.1f}", flush=True)
    for (method, k), values in sorted(found.items()):
        spread = f" ± {margin(values):.4f}" if len(values) > 1 else ""
        print(f"{method} k={k} mean={sum(values) / len(values):.4f}{spread} seeds={len(values)}")


if __name__ == "__main__":
    main()
