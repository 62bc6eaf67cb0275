import Testing

@testable import Tagging

/// The other one is that of Swift Testing.
private typealias Tag = Tagging.Tag

@Suite struct TagSchemeTests {
    private let spans = [
        TagSpan(type: "PER", words: 0..<3), TagSpan(type: "PER", words: 3..<4), TagSpan(type: "LOC", words: 5..<7),
        TagSpan(type: "PER", words: 7..<8),
    ]

    @Test(arguments: [
        (TagScheme.bio, "B-PER I-PER I-PER B-PER O B-LOC I-LOC B-PER O"),
        (.iob1, "I-PER I-PER I-PER B-PER O I-LOC I-LOC I-PER O"),
        (.bioes, "B-PER I-PER E-PER S-PER O B-LOC E-LOC S-PER O"),
        (.bilou, "B-PER I-PER L-PER U-PER O B-LOC L-LOC U-PER O"),
        (.bmes, "B-PER M-PER E-PER S-PER O B-LOC E-LOC S-PER O"),
    ])
    func `spans become tags and spans again`(scheme: TagScheme, text: String) {
        let tags = text.split(separator: " ").map(String.init)
        #expect(scheme.tags(of: spans, count: 9) == tags)
        #expect(scheme.spans(tags) == spans)
        #expect(scheme.strictSpans(tags.map { scheme.strictTag($0) }) == spans)
        #expect(scheme.problem(tags.map { Tag($0) }) == nil)
        var detector = TagSchemeDetector()
        tags.forEach { detector.addTag($0) }
        detector.addSentence(tags.map { Tag($0) })
        #expect(detector.finding() == .scheme(scheme))
        #expect(Set(scheme.tags(types: ["PER", "LOC"])).isSuperset(of: tags))
    }

    @Test func `tags without prefixes are spans of a word each`() {
        let tags = ["DET", "NOUN", "NOUN", "O", "S-BAR"]
        #expect(TagScheme.plain.spans(tags).map(\.type) == ["DET", "NOUN", "NOUN", "S-BAR"])
        #expect(TagScheme.plain.spans(tags).map(\.words) == [0..<1, 1..<2, 2..<3, 4..<5])
        #expect(TagScheme.plain.strictSpans(tags.map { TagScheme.plain.strictTag($0) }) == TagScheme.plain.spans(tags))
        #expect(TagScheme.plain.tags(of: TagScheme.plain.spans(tags), count: 5) == tags)
        var detector = TagSchemeDetector()
        tags.forEach { detector.addTag($0) }
        #expect(detector.finding() == .mixed)
        detector = TagSchemeDetector()
        tags.dropLast().forEach { detector.addTag($0) }
        #expect(detector.finding() == .scheme(.plain))
    }

    @Test(arguments: [
        (TagScheme.bio, "O I-A", 1, "no span of type A goes on here"), (.bio, "B-A I-B", 1, "of type B"),
        (.bio, "B-A I-A I", 2, "without a type"), (.iob1, "O B-A", 1, "in IOB1"),
        (.bioes, "B-A O", 0, "is not ended: the last word has E"), (.bioes, "S-A B-A I-A", 2, "is not ended"),
        (.bioes, "S-A I-A", 1, "goes on here"), (.bilou, "U-A B-A", 1, "has L, or U alone"),
        (.bioes, "B-A L-A", 0, "not ended"), (.bio, "O E-A", 1, "BIO has no such prefix"),
        (.bmes, "B-A M-A E-A E-A", 3, "goes on"),
    ])
    func `tags that break a scheme are named`(scheme: TagScheme, text: String, word: Int, reason: String) throws {
        let problem = try #require(scheme.problem(text.split(separator: " ").map { Tag(String($0)) }))
        #expect(problem.word == word && problem.reason.contains(reason), "\(problem)")
    }

    @Test func `what cannot be told apart goes by the model, and what is broken by most`() {
        func finding(_ sentences: [String], _ preferred: TagScheme? = nil) -> TagSchemeDetector.Finding {
            var detector = TagSchemeDetector()
            for sentence in sentences {
                let tags = sentence.split(separator: " ").map(String.init)
                tags.forEach { detector.addTag($0) }
                detector.addSentence(tags.map { Tag($0) })
            }
            return detector.finding(preferring: preferred)
        }
        #expect(finding(["O O", "B-A O"]) == .scheme(.bio))
        #expect(finding(["S-A O"], .bmes) == .scheme(.bmes))
        #expect(finding(["B-A I-A"], .bioes) == .scheme(.bio))
        #expect(finding(["B-A I-A", "O I-A"]) == .scheme(.bio))
        #expect(finding(["I-A I-A", "O I-A", "O B-A"]) == .scheme(.iob1))
        #expect(finding(["B M M E S", "S S B E"]) == .scheme(.bmes))
        #expect(finding(["B-A O", "M-A E-A"]) == .scheme(.bmes))
        #expect(finding(["O"]) == .scheme(.bio))
        #expect(finding(["A B-A"]) == .mixed)
        #expect(TagSchemeDetector.scheme(ofLabels: ["O", "B-A", "I-A"]) == .bio)
        #expect(TagSchemeDetector.scheme(ofLabels: TagScheme.bilou.tags(types: ["A"])) == .bilou)
        #expect(TagSchemeDetector.scheme(ofLabels: ["DET", "NOUN"]) == .plain)
    }

    @Test func `the parts of a tag are those that seqeval sees`() {
        #expect(Tag("B-PER") == Tag(prefix: "B", type: "PER"))
        #expect(Tag("B-C-ARG1") == Tag(prefix: "B", type: "C-ARG1"))
        #expect(Tag("O") == Tag(prefix: "O", type: "_"))
        #expect(Tag("BPER") == Tag(prefix: "B", type: "PER"))
        #expect(Tag("B-") == Tag(prefix: "B", type: "_"))
        #expect(Tag(strict: "B--X-") == Tag(prefix: "B", type: "X"))
        #expect(Tag("B--X") == Tag(prefix: "B", type: "-X"))
    }
}
