"""Strings that tokenizers get wrong: generated: the same seed gives the same strings."""

import random

LATIN = "The quick brown fox don't stop U.S.A. e-mail 3.14 x_y naïve façade Ærø İstanbul ıŞĞ straße ǅ ﬁn ΑΣ ΣΊΣΥΦΟΣ"
WORDS = LATIN.split() + ["привет", "Ёлка", "שָׁלוֹם", "السَّلَامُ", "हिन्दी", "क्षत्रिय", "ไทย", "한국어", "漢字", "かな", "ガギ", "ﾊﾞ", "Việt"]
SPECIAL = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[cls]", "[MASK", "MASK]", "[[MASK]]", "[ MASK ]", "[unused1]"]
EMOJI = ["👩\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "👍🏽", "🇩🇪", "1\ufe0f\u20e3", "❤\ufe0f", "🧑\U0001f3fb\u200d🦰", "😀", "\U0001fae0"]
BLOCKS = [
    (0x00, 0x7F), (0x80, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x700, 0x8FF), (0x900, 0xDFF),
    (0xE00, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x1AAF), (0x1AB0, 0x1AFF), (0x1B00, 0x1CFF),
    (0x1DC0, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF), (0x2C00, 0x2E7F), (0x2E80, 0x30FF),
    (0x3100, 0x4DFF), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFAFF),
    (0xFB00, 0xFDFF), (0xFE00, 0xFFFF), (0x10000, 0x11FFF), (0x12000, 0x167FF), (0x16800, 0x1BFFF),
    (0x1D000, 0x1D7FF), (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x20000, 0x2A6DF), (0x2A700, 0x323AF),
    (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF),
]  # fmt: skip
COMBINING = [
    (0x300, 0x36F), (0x483, 0x487), (0x591, 0x5C7), (0x610, 0x61A), (0x64B, 0x65F), (0x6D6, 0x6ED), (0x93C, 0x94D),
    (0xE38, 0xE4B), (0xF71, 0xF84), (0x1AB0, 0x1ACE), (0x1CD0, 0x1CF9), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0),
    (0x302A, 0x302F), (0x3099, 0x309A), (0xFE20, 0xFE2F), (0x1D165, 0x1D172), (0x1D17B, 0x1D18B), (0x1E000, 0x1E02A),
    (0x1E8D0, 0x1E8D6), (0x10F46, 0x10F50), (0x11300, 0x11374), (0x16AF0, 0x16AF4), (0x1D242, 0x1D244),
]  # fmt: skip
SPACES = " \t\n\r\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\x85\x0b\x0c\x1c\x1f\u200b\ufeff\u180e"
CONTROLS = "\x00\x01\x07\x1b\x7f\x80\x9f\u00ad\u034f\u061c\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufffd\ufffe\uffff\u0600"


def scalar(rng, ranges):
    while True:
        c = rng.randint(*rng.choice(ranges))
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def piece(rng):
    kind = rng.randrange(16)
    if kind < 3:
        return rng.choice(WORDS)
    if kind == 3:
        return rng.choice(SPECIAL)
    if kind == 4:
        return rng.choice(EMOJI)
    if kind == 5:
        return scalar(rng, BLOCKS)
    if kind == 6:
        return "".join(scalar(rng, BLOCKS) for _ in range(rng.randint(1, 8)))
    if kind == 7:
        base = rng.choice(["a", "E", "ö", "ы", "한", "ᄒ", "か", "1", "", "漢", scalar(rng, BLOCKS)])
        return base + "".join(scalar(rng, COMBINING) for _ in range(rng.randint(1, 6)))
    if kind == 8:
        return rng.choice(CONTROLS)
    if kind == 9:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 3)))
    if kind == 10:
        return rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡§«¶·»¿‐–—‘’“”•…€£₿™©、。「」！？")
    if kind == 11:
        word = rng.choice(WORDS + ["x", "é", "漢", "한", "e\u0301", "🏳"])
        return word * rng.randint(1, 40) if rng.random() < 0.3 else word
    if kind == 12:
        return "ab" * rng.randint(48, 52) + rng.choice(["", "a", "é", "e\u0301", "한", "\u0301", "\u200d"])
    if kind == 13:
        return chr(rng.randint(0xAC00, 0xD7A3)) + chr(rng.randint(0x1100, 0x11FF)) + rng.choice(["", "\u302e\u302f"])
    if kind == 14:
        # Marks that outlive the dropping of accents, and may change places.
        marks = "\u302e\u302f\U0001d165\U0001d166\U0001d16d\U0001d172\u0301\u0323\u0345\u034f\u200d\u1bf2\ua953"
        return "n" + "".join(rng.choice(marks) for _ in range(rng.randint(2, 9)))
    return rng.choice(WORDS).upper() + rng.choice(WORDS).title()


def strings(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        glue = rng.choice(["", " ", " ", ""])
        yield glue.join(piece(rng) for _ in range(rng.choice([1, 2, 3, 5, 8, 13])))
