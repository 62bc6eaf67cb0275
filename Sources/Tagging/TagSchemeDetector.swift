/// Finds out by which scheme the tags of a file are made.
public struct TagSchemeDetector {
    /// The sentences of which some tag breaks a scheme.
    private var broken = [Int](repeating: 0, count: TagScheme.allCases.count)
    private var letters: Set<Unicode.Scalar> = []
    private var hasPlain = false

    private static let known: Set<Unicode.Scalar> = ["B", "I", "E", "S", "M", "L", "U"]

    /// Of no sentences yet.
    public init() {}

    /// Whether a tag has a prefix of some scheme, alone or before a hyphen.
    public static func hasPrefix(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        guard let first = scalars.first, known.contains(first) else { return false }
        return scalars.dropFirst().first.map { $0 == "-" } ?? true
    }

    /// Takes in a tag that occurs.
    public mutating func addTag(_ text: String) {
        guard text != Tag.outside else { return }
        if Self.hasPrefix(text), let first = text.unicodeScalars.first {
            letters.insert(first)
        } else {
            hasPlain = true
        }
    }

    /// Takes in the tags of a sentence.
    public mutating func addSentence(_ tags: [Tag]) {
        for (index, scheme) in TagScheme.allCases.enumerated() where scheme.problem(tags) != nil { broken[index] += 1 }
    }

    /// What was found.
    public enum Finding: Sendable, Equatable {
        /// All tags are as this scheme wants them, or, where none fits all, most are.
        case scheme(TagScheme)
        /// Some tags have prefixes, others have none.
        case mixed
    }

    /// The scheme of the tags.
    ///
    /// - Parameter preferred: The one that counts where tags are as it wants them.
    public func finding(preferring preferred: TagScheme? = nil) -> Finding {
        guard !hasPlain else { return letters.isEmpty ? .scheme(.plain) : .mixed }
        if let preferred, preferred != .plain, count(preferred) == 0 { return .scheme(preferred) }
        let schemes = TagScheme.allCases.filter { $0 != .plain }
        if let fitting = schemes.first(where: { count($0) == 0 }) { return .scheme(fitting) }
        if letters.contains("M") { return .scheme(.bmes) }
        if letters.contains("L") || letters.contains("U") { return .scheme(.bilou) }
        if letters.contains("E") || letters.contains("S") { return .scheme(.bioes) }
        return .scheme(count(.iob1) < count(.bio) ? .iob1 : .bio)
    }

    private func count(_ scheme: TagScheme) -> Int {
        zip(TagScheme.allCases, broken).first { $0.0 == scheme }?.1 ?? 0
    }

    /// The scheme of the labels of a model.
    public static func scheme(ofLabels labels: [String]) -> TagScheme {
        var detector = TagSchemeDetector()
        for label in labels { detector.addTag(label) }
        guard !detector.hasPlain else { return .plain }
        let letters = detector.letters
        if letters.contains("M") { return .bmes }
        if letters.contains("L") || letters.contains("U") { return .bilou }
        return letters.contains("E") || letters.contains("S") ? .bioes : .bio
    }
}
