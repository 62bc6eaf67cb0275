"""Writes Sources/Tokenization/UnicodeTables.swift from what the reference tokenizer is seen to do.

The `tokenizers` wheel takes its character classes, decompositions, combining classes and lower case
from several Rust crates, each with its own Unicode version, so no one version of the Unicode
database gives the same ids. This script asks the wheel itself, for every code point.

Usage: python generate_unicode_tables.py OUTPUT.swift   (needs `tokenizers`; checked with 0.23.3)
"""

import sys
import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def bert(**options):
    flags = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    flags.update(options)
    return normalizers.BertNormalizer(**flags)


def map_all(normalizer):
    """What the normalizer makes of each code point alone."""
    return {c: normalizer.normalize_str(chr(c)) for c in SCALARS}


def combining_classes(nfd, decompositions):
    """Canonical combining classes, seen by what changes places with what under NFD.

    Python's own (older) database only supplies one character for each class.
    """
    low, high = "\u0334", "\u0345"  # the lowest class (1) and the highest (240)

    def moves(x):
        return nfd.normalize_str("a" + high + x) == "a" + x + high or nfd.normalize_str("a" + x + low) == "a" + low + x

    sample = {}
    for c in SCALARS:
        k = unicodedata.combining(chr(c))
        if k and k not in sample and decompositions[c] == chr(c) and moves(chr(c)):
            sample[k] = chr(c)
    classes = {}
    for c in SCALARS:
        if decompositions[c] != chr(c):
            continue
        x = chr(c)
        if moves(x):
            # Goes before every class above its own, after every class below it.
            above = [k for k, s in sample.items() if s != x and nfd.normalize_str("a" + s + x) == "a" + x + s]
            below = [k for k, s in sample.items() if s != x and nfd.normalize_str("a" + x + s) == "a" + s + x]
            equal = [k for k in sample if k not in above and k not in below]
            assert len(equal) == 1, (hex(c), equal)
            classes[c] = equal[0]
    return classes


def ranges(values):
    """[(first, last)] of a set of code points."""
    out = []
    for c in sorted(values):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def base36(n):
    out = ""
    while True:
        out = DIGITS[n % 36] + out
        n //= 36
        if not n:
            return out


def encode_ranges(values):
    """Gap from the end of the range before, then length - 1 if not 0: `gap` or `gap+more`."""
    words, position = [], 0
    for first, last in ranges(values):
        words.append(base36(first - position) + ("+" + base36(last - first) if last > first else ""))
        position = last + 1
    return words


def encode_map(mapping):
    """`gap:a:b`: the code point's distance from the one before, its image (each as difference from it)."""
    words, position = [], 0
    for c in sorted(mapping):
        image = []
        for d in mapping[c]:
            delta = ord(d) - c
            image.append(("-" if delta < 0 else "") + base36(abs(delta)))
        words.append(base36(c - position) + ":" + ":".join(image))
        position = c
    return words


def literal(name, comment, words):
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) + 1 > 106:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    lines.append(line)
    body = " \\\n".join("        " + text for text in lines)
    return f'    /// {comment}\n    static let {name}: StaticString = """\n{body}\n        """\n'


def main():
    nfd, lower = normalizers.NFD(), bert(lowercase=True)
    decompositions, lowered = map_all(nfd), map_all(lower)
    cleaned, chinese = map_all(bert(clean_text=True)), map_all(bert(handle_chinese_chars=True))
    stripped = map_all(bert(strip_accents=True))

    removed = {c for c in SCALARS if cleaned[c] == ""}
    spaces = {c for c in SCALARS if cleaned[c] == " "}
    assert all(cleaned[c] == chr(c) for c in SCALARS if c not in removed and c not in spaces)
    ideographs = {c for c in SCALARS if chinese[c] == f" {chr(c)} "}
    assert all(chinese[c] == chr(c) for c in SCALARS if c not in ideographs)
    marks = {c for c in SCALARS if stripped[c] == "" and decompositions[c] == chr(c)}
    for c in SCALARS:
        assert stripped[c] == "".join(d for d in decompositions[c] if ord(d) not in marks), hex(c)

    split = pre_tokenizers.BertPreTokenizer()
    delimiters, punctuation = set(), set()
    for c in SCALARS:
        pieces = [p for p, _ in split.pre_tokenize_str("a" + chr(c) + "b")]
        if pieces == ["a", "b"]:
            delimiters.add(c)
        elif pieces == ["a", chr(c), "b"]:
            punctuation.add(c)
        else:
            assert pieces == ["a" + chr(c) + "b"], (hex(c), pieces)
    # One table serves both uses; \t, \n and \r are white space for both.
    assert spaces | (delimiters & removed) == delimiters, [hex(c) for c in spaces ^ delimiters]

    hangul = {}
    for s in range(11172):
        jamo = chr(0x1100 + s // 588) + chr(0x1161 + s % 588 // 28)
        hangul[0xAC00 + s] = jamo + (chr(0x11A7 + s % 28) if s % 28 else "")
    assert all(decompositions[c] == hangul[c] for c in hangul)
    decomposing = {c: decompositions[c] for c in SCALARS if decompositions[c] != chr(c) and c not in hangul}
    lowering = {c: lowered[c] for c in SCALARS if lowered[c] != chr(c)}
    classes = combining_classes(nfd, decompositions)

    parts = [
        literal("removed", "What `clean_text` removes.", encode_ranges(removed)),
        literal("whitespace", "White space, to `clean_text` and to the pre-tokenizer.", encode_ranges(delimiters)),
        literal("punctuation", "Each one a word of its own.", encode_ranges(punctuation)),
        literal("ideographs", "What `handle_chinese_chars` puts spaces around.", encode_ranges(ideographs)),
        literal("marks", "What `strip_accents` removes after decomposition.", encode_ranges(marks)),
    ]
    words = []
    for k in sorted(set(classes.values())):
        words += [f"={base36(k)}"] + encode_ranges(c for c in classes if classes[c] == k)
    parts.append(literal("combiningClasses", "`=class`, then its ranges, counted from 0 again.", words))
    parts.append(
        literal("decompositions", "Full canonical decompositions, without Hangul syllables.", encode_map(decomposing))
    )
    parts.append(literal("lowerCase", "Lower case, one code point at a time.", encode_map(lowering)))
    with open(sys.argv[1], "w") as out:
        out.write(
            "// Generated by Tests/TokenizationTests/Fixtures/generate_unicode_tables.py from the observed behaviour of\n"
            f"// `tokenizers` {tokenizers.__version__}. Do not edit.\n\n"
            "/// Character data that makes the ids equal to the reference's; decoded by `WordPieceActions`.\n"
            "///\n"
            "/// Numbers are base 36. Sets are `gap` or `gap+more` words: code points to skip since the last range, then how\n"
            "/// many more follow the first. Maps are `gap:image...`: distance from the last key, image as signed differences\n"
            "/// from the key.\n"
            "enum UnicodeTables {\n" + "\n".join(parts) + "}\n"
        )
    print(len(removed), len(delimiters), len(punctuation), len(ideographs), len(marks), len(classes), len(decomposing), len(lowering))


if __name__ == "__main__":
    main()
