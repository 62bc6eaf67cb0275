/// Precision, recall and F1 of spans, over types and of each type: as `seqeval` computes them, with 0 where one divides
/// by zero.
public struct SpanScores: Sendable, Equatable {
    /// How well something is found.
    public struct Score: Sendable, Equatable {
        /// The share of what was found that is right.
        public var precision: Double
        /// The share of what is there that was found.
        public var recall: Double
        /// The harmonic mean of both.
        public var f1: Double
        /// How many are there.
        public var support: Int

        init(right: Int, found: Int, wanted: Int) {
            precision = found == 0 ? 0 : Double(right) / Double(found)
            recall = wanted == 0 ? 0 : Double(right) / Double(wanted)
            let sum = precision + recall
            f1 = sum == 0 ? 0 : 2 * precision * recall / sum
            support = wanted
        }

        init(mean scores: [Score]) {
            func mean(_ values: [Double]) -> Double {
                values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
            }
            precision = mean(scores.map(\.precision))
            recall = mean(scores.map(\.recall))
            f1 = mean(scores.map(\.f1))
            support = scores.reduce(0) { $0 + $1.support }
        }
    }

    /// Over all spans.
    public var micro: Score
    /// The mean over the types that occur as truth or as prediction.
    public var macro: Score
    /// Of each type that occurs, in the order of the types' code points.
    public var byType: [(type: String, score: Score)]

    /// Compares the spans of a text; those of another sentence have other words.
    public init(truth: some Sequence<TagSpan>, found: some Sequence<TagSpan>) {
        var counts: [String: (right: Int, found: Int, wanted: Int)] = [:]
        var wanted: Set<TagSpan> = []
        for span in truth where wanted.insert(span).inserted { counts[span.type, default: (0, 0, 0)].wanted += 1 }
        for span in Set(found) {
            counts[span.type, default: (0, 0, 0)].found += 1
            if wanted.contains(span) { counts[span.type, default: (0, 0, 0)].right += 1 }
        }
        let sorted = counts.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
        byType = sorted.map {
            ($0.key, Score(right: $0.value.right, found: $0.value.found, wanted: $0.value.wanted))
        }
        micro = Score(
            right: sorted.reduce(0) { $0 + $1.value.right }, found: sorted.reduce(0) { $0 + $1.value.found },
            wanted: sorted.reduce(0) { $0 + $1.value.wanted })
        macro = Score(mean: byType.map(\.score))
    }

    /// Whether all of it is the same.
    public static func == (a: SpanScores, b: SpanScores) -> Bool {
        a.micro == b.micro && a.macro == b.macro
            && a.byType.elementsEqual(b.byType) { $0.type == $1.type && $0.score == $1.score }
    }
}

extension SpanScores {
    /// Compares the tags of sentences as the default mode of `seqeval` does.
    ///
    /// - Parameters:
    ///   - truth: The tags of each sentence, those of `TagScheme.tag(_:)`.
    ///   - found: Likewise, of as many words.
    public static func lenient(truth: [[Tag]], found: [[Tag]]) -> SpanScores {
        // All sentences as one text with O between them, as the reference has it: with tags of no scheme, such as "X",
        // what was in a sentence before can make a difference.
        func spans(_ sentences: [[Tag]]) -> [TagSpan] {
            var reader = SpanReader()
            let outside = Tag(Tag.outside)
            return sentences.flatMap { ($0 + [outside]).compactMap { reader.next($0) } }
        }
        return SpanScores(truth: spans(truth), found: spans(found))
    }

    /// Compares the tags of sentences as the strict mode of `seqeval` does with a scheme.
    ///
    /// - Parameters:
    ///   - truth: The tags of each sentence, those of `TagScheme.strictTag(_:)`.
    ///   - found: Likewise, of as many words.
    public static func strict(truth: [[Tag]], found: [[Tag]], scheme: TagScheme) -> SpanScores {
        func spans(_ sentences: [[Tag]]) -> [TagSpan] {
            var start = 0
            return sentences.flatMap { tags in
                defer { start += tags.count + 1 }
                return scheme.strictSpans(tags).map {
                    TagSpan(type: $0.type, words: $0.words.lowerBound + start..<$0.words.upperBound + start)
                }
            }
        }
        return SpanScores(truth: spans(truth), found: spans(found))
    }
}
