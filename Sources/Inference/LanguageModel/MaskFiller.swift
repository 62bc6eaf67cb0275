import Corpus
import Foundation
import Modeling
import Support

/// What a masked language model takes the masked tokens of texts for: the fill-mask of `transformers`.
public struct MaskFiller {
    /// A token that may stand in a mask's place.
    public struct Candidate: Sendable, Equatable {
        /// Its id.
        public var id: Int32
        /// It, as the vocabulary writes it.
        public var token: String
        /// Its probability.
        public var score: Double
    }

    /// Candidates of a mask where no number is asked for.
    public static let usualCount = 5

    private let pipeline: TextPipeline
    private let mask: Int32
    private let count: Int

    /// About how many tokens are computed at once by a thread; a mask, with its logits, counts as several.
    private static let (batchTokens, tokensOfMask) = (2048, 8)

    /// Of the model of `pipeline`, which must be a masked language model.
    ///
    /// - Parameter count: Candidates of each mask, at least 1; as many as there are tokens at most.
    /// - Throws: An error about a tokenizer without a token for masks.
    public init(_ pipeline: TextPipeline, count: Int = usualCount) throws(FileError) {
        guard let mask = pipeline.tokenizer.maskID else {
            throw FileError(pipeline.path, "its tokenizer has no mask token, of which there is something to guess")
        }
        (self.pipeline, self.mask) = (pipeline, mask)
        self.count = max(1, min(count, pipeline.specification.head.outputWidth))
    }

    /// The candidates of each mask of each text, the most probable first; of equal ones, the first in the vocabulary.
    ///
    /// - Parameters:
    ///   - source: Where the texts are from, for messages.
    ///   - before: Texts of the source before these.
    /// - Throws: An error about a text without a mask, or with masks that are cut off.
    public func fill(_ texts: [Example], from source: String, before: Int = 0) throws -> [[[Candidate]]] {
        try pipeline.check(hasPairs: texts.contains { $0.pair != nil })
        let encodings = texts.map {
            pipeline.tokenizer.encode($0.text, pair: $0.pair, maxLength: pipeline.maxLength)
        }
        let masks = encodings.map { $0.inputIDs.count { $0 == mask } }
        let name = pipeline.tokenizer.token(mask) ?? "mask"
        for (number, found) in masks.enumerated() {
            let text = "text \(before + number + 1), \(quoted(texts[number].text)),"
            let all =
                found > 0 && encodings[number].inputIDs.count < pipeline.maxLength ? found : masksOfWhole(texts[number])
            guard all > 0 else {
                throw FileError(source, "\(text) has no \(name): put it where a word is to be guessed")
            }
            guard found == all else {
                throw FileError(
                    source,
                    "\(text) has \(all) times \(name), \(found) of them among its first \(pipeline.maxLength) tokens: "
                        + "shorten it, or give a larger --max-length")
            }
        }
        let all = texts
        let sorted = LengthSortedBatches(
            lengths: zip(encodings, masks).map { max($0.inputIDs.count, Self.tokensOfMask * $1) },
            batchTokens: Self.batchTokens)
        var result = [[[Candidate]]](repeating: [], count: texts.count)
        let width = pipeline.specification.head.outputWidth
        // As many at once as there are threads: their logits take much memory.
        for first in stride(from: 0, to: sorted.batches.count, by: pipeline.team.count) {
            let batches = sorted.batches[first..<min(first + pipeline.team.count, sorted.batches.count)]
            let logits = try pipeline.outputs(
                of: batches.map { texts in
                    PackedBatch(
                        packing: texts, encodings: { [encodings[$0]] },
                        target: { .tokens(encodings[$0].inputIDs.map { $0 == mask ? 0 : Target.ignored }) })
                })
            for (texts, logits) in zip(batches, logits) {
                guard logits.count == width * texts.reduce(0, { $0 + masks[$1] }) else {
                    throw FileError(pipeline.path, "its head has no row of outputs for each mask")
                }
                var row = 0
                for text in texts {
                    guard logits[(row * width)..<((row + masks[text]) * width)].allSatisfy(\.isFinite) else {
                        throw pipeline.notFinite(all[text].text)
                    }
                    result[text] = (row..<(row + masks[text])).map {
                        candidates(logits[($0 * width)..<(($0 + 1) * width)])
                    }
                    row += masks[text]
                }
            }
        }
        return result
    }

    /// The masks of a text that is not cut.
    private func masksOfWhole(_ example: Example) -> Int {
        pipeline.tokenizer.encode(example.text, pair: example.pair, maxLength: Int(Int32.max)).inputIDs.count {
            $0 == mask
        }
    }

    /// The most probable tokens by their logits.
    private func candidates(_ logits: ArraySlice<Float>) -> [Candidate] {
        logits.withUnsafeBufferPointer { logits in
            let highest = Double(logits.max() ?? 0)
            var sum = 0.0
            // The best so far, in their order.
            var best: [Int] = []
            for (id, logit) in logits.enumerated() {
                sum += exp(Double(logit) - highest)
                guard best.count < count || logit > logits[best[best.count - 1]] else { continue }
                let place = best.partitioningIndex { logits[$0] < logit }
                if best.count == count { best.removeLast() }
                best.insert(id, at: place)
            }
            return best.map {
                let id = Int32(truncatingIfNeeded: $0)
                return Candidate(
                    id: id, token: pipeline.tokenizer.token(id) ?? "", score: exp(Double(logits[$0]) - highest) / sum)
            }
        }
    }
}

extension JSONWriter {
    /// Adds the candidates of the masks of a text, with the names that `transformers` has for them: `{"masks":
    /// [[{"score": 0.9, "token": 2003, "token_str": "is"}, …], …]}`.
    public mutating func masks(_ masks: [[MaskFiller.Candidate]]) {
        raw("{\"masks\": [")
        for (index, candidates) in masks.enumerated() {
            raw(index > 0 ? ", [" : "[")
            for (place, candidate) in candidates.enumerated() {
                raw(place > 0 ? ", {\"score\": " : "{\"score\": ")
                number(Float(candidate.score))
                raw(", \"token\": ")
                integer(candidate.id)
                raw(", \"token_str\": ")
                string(candidate.token)
                raw("}")
            }
            raw("]")
        }
        raw("]}")
    }
}
