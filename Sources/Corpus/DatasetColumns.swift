import Support

/// The columns (or JSON keys) that a data file was read by.
public struct DatasetColumns: Sendable, Equatable {
    /// The text.
    public var text: String
    /// The second text of a pair; nil where texts are single.
    public var textPair: String?
    /// The label; nil where labels are not needed.
    public var label: String?
    /// Columns that hold texts, judging by the first records, and are not used.
    public var unusedTexts: [String] = []

    /// These columns.
    public init(text: String, textPair: String? = nil, label: String? = nil, unusedTexts: [String] = []) {
        self.text = text
        self.textPair = textPair
        self.label = label
        self.unusedTexts = unusedTexts
    }

    /// Them on a line for people, without the unused ones: `text "question", pair "sentence", label "label"`.
    var summary: String {
        var parts = ["text \(quoted(text))"]
        if let textPair { parts.append("pair \(quoted(textPair))") }
        if let label { parts.append("label \(quoted(label))") }
        return parts.joined(separator: ", ")
    }
}

/// Finds out which of a file's other columns hold texts, by the first records.
struct UnusedTexts {
    /// The records that are looked at.
    static let sampleSize = 64

    private let names: [String]
    private let used: Set<String>
    private var filled: [Int]
    private var texts: [Int]
    private var seen = 0

    /// A look at the columns `names`, apart from those in use.
    init(_ names: [String], used: DatasetColumns) {
        self.names = names
        self.used = Set([used.text, used.textPair, used.label].compactMap { $0 })
        filled = [Int](repeating: 0, count: names.count)
        texts = filled
    }

    /// Takes in a record, whose values come from `value` (nil for none), unless enough were seen.
    mutating func add(_ value: (Int) throws(FileError) -> String?) throws(FileError) {
        guard seen < Self.sampleSize else { return }
        seen += 1
        for i in names.indices where !used.contains(names[i]) {
            guard let value = try value(i), !value.isEmpty else { continue }
            filled[i] += 1
            if Self.isText(value) { texts[i] += 1 }
        }
    }

    /// The columns of which most values are texts.
    var found: [String] { names.indices.filter { texts[$0] > 0 && 2 * texts[$0] >= filled[$0] }.map { names[$0] } }

    /// Whether there are several words, or as much in a writing without spaces.
    static func isText(_ value: String) -> Bool {
        let head = value.prefix(400)
        let words = head.split(whereSeparator: \.isWhitespace).count { $0.contains(where: \.isLetter) }
        if words >= 3 { return true }
        // Addresses and hashes are long, too, but they are ASCII.
        return head.count { $0.isLetter && !$0.isASCII } >= 8
    }
}
