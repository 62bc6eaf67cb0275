import Support
import Testing

@testable import Corpus

/// Files of `--class-weights`.
@Suite struct ClassWeightFileTests {
    private let scratch = Scratch()

    private func read(_ name: String, _ text: String) throws -> [Double] {
        try ClassWeightFile.read(scratch.file(name, text), labels: ["a", "b, c", "d"], allowed: 0.001...1000)
    }

    @Test func `weights come in the order of the classes`() throws {
        #expect(try read("a.csv", "label,weight\nd,3\n\"b, c\",0\na,0.5\n") == [0.5, 0, 3])
        #expect(try read("a.tsv", "weight\tlabel\n1\td\n2\ta\n3\tb, c\n") == [2, 3, 1])
        let lines = #"{"label": "a", "weight": "1"}"# + "\n" + #"{"label": "d", "weight": "2.5"}"# + "\n"
        #expect(try read("a.jsonl", lines + #"{"label": "b, c", "weight": "1e1"}"#) == [1, 10, 2.5])
    }

    @Test(
        arguments: [
            ("label,weight\na,1\nd,1\n", nil, "no weight for"), ("label,weight\na,1\na,1\n", 3, "has a weight already"),
            ("label,weight\na,1\nx,1\n", 3, "there is no class \"x\""), ("label,weight\na,-1\n", 2, "\"-1\" is not 0"),
            ("label,weight\na,nan\n", 2, "\"nan\" is not 0"), ("label,weight\na,1e9\n", 2, "\"1e9\" is not 0"),
            ("label,weight\na,\n", 2, "is not 0"), ("label,share\na,1\n", 1, "there is no column \"weight\""),
            ("label,weight\na,0\nd,0\n\"b, c\",0\n", nil, "all weights are 0"),
        ] as [(String, Int?, String)])
    func `what cannot be is named with its line`(text: String, line: Int?, what: String) {
        let error = #expect(throws: FileError.self) { try read("bad.csv", text) }
        let description = error?.description ?? ""
        #expect(description.contains(what))
        if let line { #expect(description.contains("bad.csv, line \(line): ")) }
    }
}
