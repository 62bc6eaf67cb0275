import Testing

@testable import Modeling

/// What --freeze and --train-only name.
@Suite struct PartSelectionTests {
    @Test(
        arguments: [
            ("head", [.head]), ("embeddings", [.words, .positions]), ("words,positions", [.words, .positions]),
            ("5", [.layer(5)]), ("0-2", [.layer(0), .layer(1), .layer(2)]), ("3-3", [.layer(3)]),
            ("head, 1, 0-1", [.head, .layer(0), .layer(1)]),
            ("embeddings,0-1", [.words, .positions, .layer(0), .layer(1)]),
        ] as [(String, Set<ModelPart>)])
    func `names, numbers and ranges are parts`(_ text: String, _ parts: Set<ModelPart>) throws {
        let selection = try PartSelection(text)
        #expect(selection.parts == parts && selection.text == text)
    }

    @Test(
        arguments: [
            ("", "\"\" is none of them"), ("heads", "\"heads\" is none"), ("head,,1", "\"\" is none"),
            ("0-", "\"0-\" is none"), ("-1", "\"-1\" is none"), ("1-2-3", "\"1-2-3\" is none"),
            ("1000", "\"1000\" is none"),
            ("0-99999999999999999999", "is none"), ("3-1", "3-1 runs backwards"), ("layer.1", "\"layer.1\" is none"),
            ("\u{1b}[2J", "is none"),
        ])
    func `what is no part is refused by name`(_ text: String, _ message: String) {
        let problem = #expect(throws: PartSelection.Problem.self) { try PartSelection(text) }
        #expect(problem?.need.contains(message) == true && problem?.need.contains("\u{1b}") == false)
    }
}
