/// The regular expressions by which byte-level tokenizers cut texts into words, written out by hand.
///
/// Each matches every text from end to end, so that the words are the matches, one after the other.
enum WordPattern: Sendable, Equatable {
    /// GPT-2's, which is also RoBERTa's and ModernBERT's.
    case gpt2
    /// GPT-4's and what came of it (Llama 3, OLMo 2, EuroBERT): numbers are cut after so many digits.
    case gpt4(digits: Int)

    private static let gpt2Text = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    private static func gpt4Text(_ numbers: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The pattern that is written so; nil if it is not known.
    init?(_ text: String) {
        let digits = [#"\p{N}"#: 1, #"\p{N}{1,2}"#: 2, #"\p{N}{1,3}"#: 3]
        if text == Self.gpt2Text {
            self = .gpt2
        } else if let found = digits.first(where: { text == Self.gpt4Text($0.key) }) {
            self = .gpt4(digits: found.value)
        } else {
            return nil
        }
    }
}

/// A place in a text, and what kinds of code points stand there.
struct WordScanner {
    typealias Flag = CharacterClasses.Flag

    let text: UnsafePointer<UInt8>
    let count: Int
    let flags: UnsafePointer<UInt16>

    /// The kind of the code point at a place, and its length; (0, 0) at the end.
    @inline(__always)
    func kind(_ index: Int) -> (kind: UInt16, length: Int) {
        guard index < count else { return (0, 0) }
        let byte = text[index]
        if byte < 0x80 { return (flags[Int(byte)] & Flag.word, 1) }
        let (scalar, length) = decodeUTF8(text + index, count: count &- index)
        return (flags[Int(scalar)] & Flag.word, length)
    }

    /// The end of a run of code points of one kind.
    @inline(__always)
    func run(from index: Int, _ kind: UInt16, most: Int = .max) -> Int {
        var index = index
        var left = most
        while left > 0 {
            let next = self.kind(index)
            guard next.length > 0, next.kind == kind else { break }
            index &+= next.length
            left &-= 1
        }
        return index
    }

    /// The end of the word that starts at a place.
    @inline(__always)
    func end(of start: Int, _ pattern: WordPattern) -> Int {
        switch pattern {
        case .gpt2: endGPT2(start)
        case .gpt4(let digits): endGPT4(start, digits)
        }
    }

    @inline(__always)
    private func endGPT2(_ start: Int) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = contraction(start, anyCase: false) { return end }
        let (kind, length) = kind(start)
        if kind != Flag.space { return run(from: start &+ length, kind) }
        if first == 0x20 {
            let next = self.kind(start &+ 1)
            if next.length > 0, next.kind != Flag.space { return run(from: start &+ 1 &+ next.length, next.kind) }
        }
        return endOfSpaces(start, run(from: start, Flag.space))
    }

    private func endGPT4(_ start: Int, _ digits: Int) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = contraction(start, anyCase: true) { return end }
        let (kind, length) = kind(start)
        let next = self.kind(start &+ length)
        if kind == Flag.letter { return run(from: start &+ length, Flag.letter) }
        if kind == Flag.number { return run(from: start, Flag.number, most: digits) }
        if next.length > 0, next.kind == Flag.letter, first != 0x0D, first != 0x0A {
            return run(from: start &+ length, Flag.letter)
        }
        if kind == 0 || (first == 0x20 && next.length > 0 && next.kind == 0) {
            var end = run(from: start &+ (kind == 0 ? 0 : 1), 0)
            while end < count, text[end] == 0x0D || text[end] == 0x0A { end &+= 1 }
            return end
        }
        let end = run(from: start, Flag.space)
        var line = end
        while line > start, text[line &- 1] != 0x0D, text[line &- 1] != 0x0A { line &-= 1 }
        return line > start ? line : endOfSpaces(start, end)
    }

    /// `\s+(?!\S)|\s+`: the run of white space, without its last code point if a word follows and it is not alone.
    @inline(__always)
    private func endOfSpaces(_ start: Int, _ end: Int) -> Int {
        guard end < count else { return end }
        let last = scalarStart(text, before: end)
        return last > start ? last : end
    }

    /// The end of "'s", "'re" and so on.
    private func contraction(_ start: Int, anyCase: Bool) -> Int? {
        func letter(_ place: Int) -> UInt8 {
            guard place < count else { return 0 }
            let byte = text[place]
            return anyCase && byte &- 0x41 < 26 ? byte | 0x20 : byte
        }
        switch (letter(start &+ 1), letter(start &+ 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start &+ 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start &+ 3
        // The long s.
        case (0xC5, 0xBF) where anyCase: return start &+ 3
        default: return nil
        }
    }
}
