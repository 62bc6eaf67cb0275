import Corpus
import Numerics
import Support
import Tokenization

/// Tokenizes texts on several threads, and writes them as JSON Lines.
struct TokenWriter {
    private let tokenizer: any Tokenizer
    private let team: ThreadTeam
    private let maxLength: Int
    /// All tokens as JSON strings, end to end.
    private let tokens: [UInt8]
    /// Where each begins, and where the last one ends.
    private let starts: [Int]

    init(tokenizer: any Tokenizer, threads: Int, maxLength: Int) throws {
        self.tokenizer = tokenizer
        team = try ThreadTeam(count: threads)
        self.maxLength = maxLength
        var json = JSONWriter()
        var starts = [0]
        for id in 0..<tokenizer.vocabularySize {
            json.string(tokenizer.token(Int32(truncatingIfNeeded: id)) ?? "")
            starts.append(json.bytes.count)
        }
        tokens = json.bytes
        self.starts = starts
    }

    /// The lines of the texts, in pieces that follow each other.
    func lines(_ texts: [Example]) -> [[UInt8]] {
        team.mapRanges(of: texts.count) { range in
            var json = JSONWriter()
            for index in range {
                add(tokenizer.encode(texts[index].text, pair: texts[index].pair, maxLength: maxLength), to: &json)
            }
            return json.bytes
        }
    }

    private func add(_ encoding: Encoding, to json: inout JSONWriter) {
        json.raw("{\"input_ids\": [")
        for (index, id) in encoding.inputIDs.enumerated() {
            if index > 0 { json.raw(", ") }
            json.integer(id)
        }
        json.raw("], \"tokens\": [")
        for (index, id) in encoding.inputIDs.enumerated() {
            if index > 0 { json.raw(", ") }
            json.raw(tokens[starts[Int(id)]..<starts[Int(id) + 1]])
        }
        json.raw("]}")
        json.newline()
    }
}
