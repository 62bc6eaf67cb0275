"""Random tags with the scores of seqeval, one JSON object per line.

usage: generate_seqeval.py COUNT [SEED] > seqeval.jsonl
The committed file has 160 of them. For many more: generate_seqeval.py 100000 1 > FILE, then
SHOAL_SEQEVAL=FILE swift test --filter TaggingTests
"""
import json, random, sys, warnings
import numpy as np
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as default_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores, unique_labels
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES

warnings.filterwarnings("ignore")
np.seterr(all="ignore")
count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
random.seed(seed)
schemes = {"BIO": ("BI", IOB2), "IOB1": ("BI", IOB1), "BIOES": ("BIES", IOBES), "BILOU": ("BILU", BILOU),
           "none": ("BIESMLUX.", None)}
types = [["PER", "LOC"], ["A"], ["a-b", "ORG", "MISC"], ["PER", ""], ["x", "y", "z", "C-ARG1"], [""]]


def sentence(prefixes, names, outside, length):
    return [("O" if random.random() < outside else tag(random.choice(prefixes), random.choice(names)))
            for _ in range(length)]


def tag(prefix, name):
    if name == "":
        return prefix
    return prefix + (name if random.random() < 0.03 else "-" + name)


def like(tags, prefixes, names):
    """Mostly the same tags."""
    noise = random.choice([0, 0.1, 0.3])
    return [t if random.random() >= noise else sentence(prefixes, names, 0.3, 1)[0] for t in tags]


def scores(function, truth, found, names, **more):
    out = {}
    for average in ("micro", "macro"):
        out[average] = [float(x) for x in function(truth, found, average=average, zero_division=0, **more)] \
            if names else [0.0, 0.0, 0.0, 0.0]
    rows = function(truth, found, average=None, zero_division=0, **more) if names else [[], [], [], []]
    out["types"] = [[n, *[float(x) for x in row]] for n, row in zip(names, zip(*rows))]
    return out


kinds = list(schemes)
for number in range(count):
    kind = kinds[number % len(kinds)]
    prefixes, scheme = schemes[kind]
    names = random.choice(types)
    outside = random.choice([0.1, 0.4, 0.8])
    truth = [sentence(prefixes, names, outside, random.choice([1, 2, 3, 5, 9])) for _ in range(random.choice([1, 1, 2, 4]))]
    found = [like(s, prefixes, names) for s in truth]
    seen = sorted({e[0] for e in get_entities(truth)} | {e[0] for e in get_entities(found)})
    case = {"scheme": kind, "truth": truth, "found": found, "accuracy": accuracy_score(truth, found),
            "default": scores(default_scores, truth, found, seen)}
    if scheme is not None:
        strict = unique_labels(truth, found, scheme)
        case["strict"] = scores(strict_scores, truth, found, strict, scheme=scheme)
    print(json.dumps(case, separators=(",", ":")))
