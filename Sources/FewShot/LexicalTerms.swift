/// Cuts texts into terms for a ``LexicalView``: words of at least two letters or digits in lower case, without those
/// that say nothing of a topic; of Chinese, Japanese and Korean text, which has no spaces, each two characters that
/// adjoin, and a character that stands alone.
public enum LexicalTerms {
    /// The terms of a text, in order.
    public static func terms(_ text: String) -> [String] {
        var result: [String] = []
        var word = String.UnicodeScalarView()
        var ideographs: [Unicode.Scalar] = []
        func endWord() {
            guard !word.isEmpty else { return }
            let term = String(word)
            if word.count > 1, !stopWords.contains(term) { result.append(term) }
            word = String.UnicodeScalarView()
        }
        func endIdeographs() {
            guard let first = ideographs.first else { return }
            if ideographs.count == 1 { result.append(String(first)) }
            for (one, next) in zip(ideographs, ideographs.dropFirst()) {
                result.append(String(String.UnicodeScalarView([one, next])))
            }
            ideographs = []
        }
        for scalar in text.lowercased().unicodeScalars {
            if isIdeograph(scalar) {
                endWord()
                ideographs.append(scalar)
            } else if scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "_" {
                endIdeographs()
                word.append(scalar)
            } else {
                endWord()
                endIdeographs()
            }
        }
        endWord()
        endIdeographs()
        return result
    }

    /// Characters that are words or parts of words, written without spaces.
    private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.properties.isIdeographic { return true }
        return switch scalar.value {
        // Hiragana, katakana, hangul syllables.
        case 0x3040...0x30FF, 0xAC00...0xD7AF: true
        default: false
        }
    }

    /// English function words.
    private static let stopWords: Set<String> = Set(
        """
        about above after again against all also am an and any are as at be because been before being below between both \
        but by can cannot could did do does doing down during each else ever few for from further get had has have having \
        he her here hers herself him himself his how however if in into is it its itself just least less let like may me \
        might more most must my myself neither no nor not of off often on once one only or other our ours ourselves out \
        over own per rather same she should since so some such than that the their theirs them themselves then there \
        these they this those though through thus to too under until up upon us very was we were what when where whether \
        which while who whom whose why will with within without would yet you your yours yourself yourselves
        """.split(separator: " ").map(String.init))
}
