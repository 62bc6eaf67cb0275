import Corpus
import Modeling
import Numerics
import Support
import Tokenization

/// Sentences whose words have tags, tokenized and cut into windows: every word is asked for in exactly one of them.
public struct TaggedWindows: ExampleSource {
    private let windows: [Encoding]
    private let targets: [Target]
    /// See ``ExampleSource``.
    public let continues: [Bool]?
    /// See ``ExampleSource``.
    public let unknownLabels: [String]

    /// Tokenizes the sentences of a data set, on all threads of `team`.
    ///
    /// - Parameter maxLength: Tokens of a window at most.
    public init(_ data: Dataset, tokenizer: any Tokenizer, maxLength: Int, team: ThreadTeam) {
        let encoder = WordEncoder(tokenizer, maxLength: maxLength)
        unknownLabels = data.unknownLabels
        let examples = data.examples
        let known = data.labels.count - data.unknownLabelCount
        let parts = team.mapRanges(of: examples.count) { range in
            range.map { index -> [(Encoding, Target)] in
                guard case .tags(let tags) = examples[index].label else { return [] }
                return encoder.windows(of: examples[index]).map { window in
                    (
                        window.encoding,
                        window.target {
                            tags.indices.contains($0) ? Target.tag(tags[$0], of: known) : Target.ignored
                        }
                    )
                }
            }
        }
        var (encodings, targets, continues): ([Encoding], [Target], [Bool]) = ([], [], [])
        for windows in parts.flatMap({ $0 }) {
            for (place, window) in windows.enumerated() {
                encodings.append(window.0)
                targets.append(window.1)
                continues.append(place > 0)
            }
        }
        (self.windows, self.targets) = (encodings, targets)
        self.continues = continues.contains(true) ? continues : nil
    }

    /// The windows.
    public var count: Int { windows.count }
    /// See ``ExampleSource``.
    public func encodings(_ index: Int) -> [Encoding] { [windows[index]] }
    /// See ``ExampleSource``.
    public func target(_ index: Int) -> Target { targets[index] }

    /// How many sentences are longer than a window.
    public func notice(_ name: String, of data: Dataset, maxLength: Int) -> String? {
        guard let continues else { return nil }
        var (long, windows) = (0, 0)
        for (place, goesOn) in continues.enumerated() where goesOn {
            windows += 1
            if !continues[place - 1] { long += 1 }
        }
        return "\(grouped(long)) of \(plural(data.examples.count, "sentence"))\(name) "
            + "\(long == 1 ? "is" : "are") longer than --max-length \(maxLength) tokens, and cut into "
            + "\(windows + long) overlapping windows"
    }
}
