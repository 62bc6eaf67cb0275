import Corpus
import Modeling
import Tokenization

/// Makes tokens of a text word by word, so that it is known which token each word begins with, and cuts what is longer
/// than the model takes into windows.
///
/// A text is encoded as `[CLS] text [SEP]`, or, where the roles of a predicate are asked for, as
/// `[CLS] text [SEP] predicate [SEP]` (Shi and Lin, "Simple BERT Models for Relation Extraction and Semantic Role
/// Labeling", 2019); the predicate's word in the text has the segment of the second text, too, so that of two equal
/// words one is meant. Each word's tokens are those that it has alone; where a blank is before it, or nothing, with
/// that blank, as `is_split_into_words` of `transformers` does with `add_prefix_space`.
public struct WordEncoder: Sendable {
    /// A part of a text, as the model takes it.
    public struct Window: Sendable, Equatable {
        /// Its tokens.
        public var encoding: Encoding
        /// The words whose tags are asked for; those around them are there to be seen.
        public var words: Range<Int>
        /// The first token of each of them.
        public var starts: [Int]
    }

    private let tokenizer: any Tokenizer
    private let maxLength: Int
    private let single: Frame
    private let pair: Frame
    /// Stands for words of which the tokenizer leaves nothing.
    private let placeholder: Int32
    /// Tokens that stand for a blank alone.
    private let blank: Int32?

    /// Tokens around texts.
    private struct Frame: Sendable {
        /// Before the first text, between both, and behind the last one.
        var parts: [Encoding] = []
        /// The segments of both texts.
        var segments: [Int32] = []
        var count: Int { parts.reduce(0) { $0 + $1.inputIDs.count } }
    }

    /// Tokens of a word, in a text that must be cut, at most this share of what fits.
    private static let wordShare = 2
    /// Tokens that are seen on each side of what a window is for, of what fits.
    private static let contextShare = 4

    /// - Parameter maxLength: Tokens of a window at most, special ones included.
    public init(_ tokenizer: any Tokenizer, maxLength: Int) {
        self.tokenizer = tokenizer
        self.maxLength = maxLength
        placeholder = tokenizer.unknownID ?? tokenizer.maskID ?? tokenizer.sepID ?? 0
        let long = Int(Int32.max)
        single = Self.frame(
            tokenizer.encode("", maxLength: long), with: [tokenizer.encode("a", maxLength: long)])
        pair = Self.frame(
            tokenizer.encode("", pair: "", maxLength: long),
            with: [
                tokenizer.encode("a", pair: "", maxLength: long), tokenizer.encode("", pair: "a", maxLength: long),
            ])
        let inner = tokenizer.encode(" \u{2581}", maxLength: long).inputIDs
        blank = inner.first { tokenizer.token($0) == "\u{2581}" }
    }

    /// Where texts stand between the special tokens: where an encoding with something begins to differ from the empty
    /// one.
    private static func frame(_ empty: Encoding, with filled: [Encoding]) -> Frame {
        var frame = Frame()
        var start = 0
        for other in filled {
            let place = zip(empty.inputIDs, other.inputIDs).prefix { $0 == $1 }.count
            let end = max(start, min(place, empty.inputIDs.count))
            frame.parts.append(
                Encoding(inputIDs: Array(empty.inputIDs[start..<end]), typeIDs: Array(empty.typeIDs[start..<end])))
            frame.segments.append(place < other.typeIDs.count ? other.typeIDs[place] : 0)
            start = end
        }
        frame.parts.append(Encoding(inputIDs: Array(empty.inputIDs[start...]), typeIDs: Array(empty.typeIDs[start...])))
        return frame
    }

    /// The windows of a text, at least one unless it has no word.
    public func windows(of example: Example) -> [Window] {
        let words = example.words ?? TextWords(of: example.text)
        guard !words.ranges.isEmpty else { return [] }
        let bytes = Array(example.text.utf8)
        var tokens = words.ranges.map { range -> [Int32] in
            let follows = range.lowerBound == 0 || bytes[range.lowerBound - 1] <= 32
            return self.tokens(String(decoding: bytes[range], as: UTF8.self), hasBlank: follows)
        }
        let frame = example.pair == nil ? single : pair
        let capacity = max(1, maxLength - frame.count)
        var second = example.pair.map { self.tokens($0, hasBlank: true) } ?? []
        if second.count > max(1, capacity / Self.contextShare) {
            second = Array(second.prefix(max(1, capacity / Self.contextShare)))
        }
        let predicate = words.predicate ?? Self.predicate(example, words.ranges, bytes)
        let room = max(1, capacity - second.count)
        guard tokens.reduce(0, { $0 + $1.count }) > room else {
            return [window(tokens, 0..<tokens.count, for: 0..<tokens.count, frame, second, predicate)]
        }
        let most = max(1, room / Self.wordShare)
        for word in tokens.indices where tokens[word].count > most { tokens[word] = Array(tokens[word].prefix(most)) }
        return Self.cuts(tokens.map(\.count), room: room).map {
            window(tokens, $0.seen, for: $0.asked, frame, second, predicate)
        }
    }

    /// The words that each window sees, and those it is for: the latter are all words, each once.
    ///
    /// - Parameters:
    ///   - counts: The tokens of each word, none more than half of `room`, or one.
    ///   - room: Tokens of words in a window.
    static func cuts(_ counts: [Int], room: Int) -> [(seen: Range<Int>, asked: Range<Int>)] {
        let context = room / contextShare
        var windows: [(seen: Range<Int>, asked: Range<Int>)] = []
        var first = 0
        while first < counts.count {
            var (begin, used) = (first, 0)
            while begin > 0, used + counts[begin - 1] <= context {
                begin -= 1
                used += counts[begin]
            }
            var end = first
            while end < counts.count, end == first || used + counts[end] <= room {
                used += counts[end]
                end += 1
            }
            var asked = end
            if end < counts.count {
                var behind = 0
                while asked > first + 1, behind + counts[asked - 1] <= context {
                    asked -= 1
                    behind += counts[asked]
                }
            }
            windows.append((begin..<end, first..<asked))
            first = asked
        }
        return windows
    }

    private func tokens(_ word: String, hasBlank: Bool) -> [Int32] {
        let all = tokenizer.encode(hasBlank ? " " + word : word, maxLength: Int(Int32.max)).inputIDs
        let around = single.count
        let first = single.parts.first?.inputIDs.count ?? 0
        var ids = Array(all.dropFirst(first).prefix(max(0, all.count - around)))
        // A piece for a blank that is not there would be what the word begins with.
        if !hasBlank, ids.count > 1, let blank, ids[0] == blank { ids.removeFirst() }
        return ids.isEmpty ? [placeholder] : ids
    }

    /// Whether the predicate of an example is one of its words.
    static func holdsPredicate(_ example: Example) -> Bool {
        let words = example.words ?? TextWords(of: example.text)
        return predicate(example, words.ranges, Array(example.text.utf8)) != nil
    }

    /// The first word that is the predicate's, where only its form is given.
    private static func predicate(_ example: Example, _ words: [Range<Int>], _ bytes: [UInt8]) -> Int? {
        guard let pair = example.pair.map({ Array($0.utf8) }) else { return nil }
        return words.firstIndex { bytes[$0].elementsEqual(pair) }
    }

    private func window(
        _ tokens: [[Int32]], _ seen: Range<Int>, for asked: Range<Int>, _ frame: Frame, _ second: [Int32],
        _ predicate: Int?
    ) -> Window {
        var (ids, types, starts): ([Int32], [Int32], [Int]) = ([], [], [])
        func add(_ part: Encoding) {
            ids += part.inputIDs
            types += part.typeIDs
        }
        add(frame.parts[0])
        for word in seen {
            if asked.contains(word) { starts.append(ids.count) }
            ids += tokens[word]
            let segment = word == predicate ? frame.segments.last ?? 0 : frame.segments[0]
            types += [Int32](repeating: segment, count: tokens[word].count)
        }
        add(frame.parts[1])
        if frame.parts.count > 2 {
            ids += second
            types += [Int32](repeating: frame.segments[1], count: second.count)
            add(frame.parts[2])
        }
        return Window(encoding: Encoding(inputIDs: ids, typeIDs: types), words: asked, starts: starts)
    }
}

extension WordEncoder.Window {
    /// A target with a number for the first token of each word that the window is for.
    func target(_ number: (Int) -> Int32) -> Target {
        var labels = [Int32](repeating: Target.ignored, count: encoding.inputIDs.count)
        for (word, start) in zip(words, starts) { labels[start] = number(word) }
        return .tokens(labels)
    }
}
