import Support
import Testing

@testable import Corpus

/// Files whose words have tags.
@Suite struct TaggedReaderTests {
    private let scratch = Scratch()

    private func read(
        _ text: String, _ name: String = "t.conll", label: String? = nil, known: [String]? = nil,
        repairs: Bool = false, readsTags: Bool = true
    ) throws -> Dataset {
        try TaggedReader.read(
            scratch.file(name, text),
            options: .init(
                columns: ColumnNames(label: label), known: known, repairsTags: repairs, readsTags: readsTags))
    }

    /// The tags of each example.
    private func tags(_ data: Dataset) -> [String] {
        data.examples.map { example in
            guard case .tags(let numbers) = example.label else { return "?" }
            return numbers.map { data.labels[Int($0)] }.joined(separator: " ")
        }
    }

    private func words(_ example: Example) -> [String] {
        let bytes = Array(example.text.utf8)
        return (example.words?.ranges ?? []).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    private func expectError(
        _ line: Int?, _ message: String, _ text: String, _ name: String = "t.conll", label: String? = nil,
        known: [String]? = nil, readsTags: Bool = true, _ location: SourceLocation = #_sourceLocation
    ) {
        do {
            _ = try read(text, name, label: label, known: known, readsTags: readsTags)
            Issue.record("nothing is wrong", sourceLocation: location)
        } catch let error as FileError {
            #expect(error.line == line, sourceLocation: location)
            #expect(error.reason.contains(message), "\(error.reason)", sourceLocation: location)
        } catch {
            Issue.record("\(error)", sourceLocation: location)
        }
    }

    // MARK: columns

    @Test func `columns are sentences, and blank lines may hold blanks`() throws {
        let data = try read("\n-DOCSTART- O\n\nAnn\tB-PER\nLee\tI-PER\n\t\nin\tO\r\nRome\tB-LOC\n\n\n")
        #expect(data.examples.map(\.text) == ["Ann Lee", "in Rome"])
        #expect(tags(data) == ["B-PER I-PER", "O B-LOC"])
        #expect(data.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
        #expect(data.classCounts == [1, 1, 0, 1, 1])
    }

    @Test func `the last column is the tag, or the one that is named`() throws {
        let text = "# id 7\nAnn NNP B-NP B-PER\n\n# O B-NP O\nis VBZ B-VP O\n"
        #expect(try tags(read(text)) == ["B-PER", "O O"])
        #expect(try tags(read(text, label: "3")) == ["B-NP", "B-NP B-VP"])
        #expect(try tags(read("Ann NNP\nis VBZ\n")) == ["NNP VBZ"])
        #expect(try read("Ann NNP\nis VBZ\n").labels == ["NNP", "VBZ"])
    }

    @Test func `Chinese is joined without blanks, one character a line`() throws {
        let data = try read("我 S\n们 B\n很 M\n好 E\n", "t.bmes")
        #expect(data.examples[0].text == "我们很好" && words(data.examples[0]) == ["我", "们", "很", "好"])
        #expect(data.labels == ["O", "B", "M", "E", "S"] && tags(data) == ["S B M E"])
    }

    @Test func `IOB1 becomes BIO, and other schemes that of the model`() throws {
        let old = try read("a I-X\nb I-X\nc B-X\nd O\n")
        #expect(tags(old) == ["B-X I-X B-X O"] && old.notices.count == 1 && old.notices[0].contains("IOB1"))
        let known = ["O", "B-X", "I-X"]
        let other = try read("a B-X\nb E-X\nc S-X\n", known: known)
        #expect(tags(other) == ["B-X I-X B-X"] && other.labels == known && other.notices[0].contains("BIOES"))
        #expect(try read("a B-X\nb E-X\nc S-X\n").labels == ["O", "B-X", "I-X", "E-X", "S-X"])
        // What both schemes allow is read as the model's.
        #expect(try read("a S-X\nb O\n", known: ["O", "B-X", "M-X", "E-X", "S-X"]).notices.isEmpty)
    }

    @Test func `tags that break the scheme are named, or mended`() throws {
        let text = "a O\nb B-X\nc I-X\n\nd O\ne I-X\nf I-Y\n"
        expectError(6, "the tag \"I-X\" breaks the scheme BIO: no span of type X goes on here", text)
        let mended = try read(text, repairs: true)
        #expect(tags(mended) == ["O B-X I-X", "O B-X B-Y"])
        #expect(mended.notices.contains { $0.contains("has changed 2 tags in 1 sentence") })
        expectError(2, "is not ended", "a B-X\nb I-X\n\nc S-X\n")
        expectError(2, "has no prefix", "a B-X\nnoun N\n")
        expectError(2, "the tag \"I-\" has no type behind its hyphen", "a B-X\nb I-\n")
        #expect(try tags(read("a NNP\nb N-\n")) == ["NNP N-"])
    }

    @Test func `a tag that only an evaluation has is kept, and warned about`() throws {
        let text = "a B-X\nb O\nc B-Z\nd I-Z\n\ne B-Z\nf S-Q\n"
        #expect(throws: FileError.self) { try read(text, known: ["O", "B-X", "I-X"]) }
        let data = try read(text.replacing("S-Q", with: "B-Q"), known: ["O", "B-X", "I-X"])
        #expect(tags(data) == ["B-X O B-Z I-Z", "B-Z B-Q"])
        #expect(data.labels.prefix(3) == ["O", "B-X", "I-X"] && data.unknownLabels == ["B-Z", "I-Z", "B-Q"])
        #expect(data.warnings.count == 1 && data.warnings[0].contains("tags that training did not see"))
        #expect(data.warnings[0].hasSuffix("count as missed: B-Z 2, B-Q 1, I-Z 1"))
        #expect(data.classCounts == [1, 1, 0, 2, 1, 1])
        let rest = try read("a B-X\n\nb B-Z\n", known: ["O", "B-X", "I-X"]).withoutUnknownLabels
        #expect(tags(rest) == ["B-X"] && rest.labels == ["O", "B-X", "I-X"] && rest.unknownLabels.isEmpty)
        // Spans are called as the file has them.
        let spans = #"{"text": "a b c", "spans": [[0, 1, "X"], [2, 5, "R-Z"]]}"#
        let line = try read(spans, "t.jsonl", known: ["O", "B-X"]).warnings.first
        #expect(line?.hasSuffix("so that its spans count as missed: R-Z 1") == true, "\(line ?? "")")
        #expect(try read("a B-X\n", known: ["O", "B-X"]).warnings.isEmpty)
        // More than fit into two digits are another kind of file.
        let many = "a B-X\n" + (0..<99).map { "b B-\($0)\n" }.joined()
        expectError(2, "is none that training saw", many, known: ["O", "B-X"])
        #expect(try read(many.replacing("b B-98\n", with: ""), known: ["O", "B-X"]).unknownLabels.count == 98)
    }

    @Test func `lines that cannot be are named`() throws {
        expectError(3, "3 columns, but the first word has 2", "a O\nb O\nc d O\n")
        expectError(1, "one column alone", "a\nb\n")
        expectError(2, "the tag is empty", "a\tB-X\nb\t\n")
        expectError(2, "the word is empty", "a\tB-X\n\tO\n")
        expectError(1, "there is no column \"9\"", "a O\n", label: "9")
        expectError(1, "is none that training saw", "a B-Z\n", known: ["O", "B-X", "I-X"])
        expectError(1, "is none that training saw", "a NNP\n", known: ["O", "B-X", "I-X"])
        expectError(nil, "there are no sentences", "\n\n")
        expectError(nil, "name it .conll", "a,b\n", "t.csv")
        let path = scratch.file("bad.conll", Array("a O\n".utf8) + [0xFF, 32, 79])
        #expect(throws: FileError.self) { try TaggedReader.read(path, options: .init()) }
    }

    @Test func `words alone are enough to predict`() throws {
        let data = try read("Ann\nis\n\nhere\n", readsTags: false)
        #expect(data.examples.map(\.text) == ["Ann is", "here"] && data.examples.allSatisfy { $0.label == .none })
    }

    // MARK: semantic roles

    private func universal(_ rows: [[String]]) -> String {
        rows.map { row in
            ([row[0], row[1]] + [String](repeating: "_", count: 7) + [row[2]] + row.dropFirst(3)).joined(
                separator: "\t")
        }.joined(separator: "\n") + "\n\n"
    }

    @Test func `predicates are examples with their arguments as spans`() throws {
        let text =
            "# sent_id = 1\n"
            + universal([
                ["1-2", "Hedoes", "_"], ["1", "He", "_", "_", "ARG0", "A0"], ["2", "runs", "_", "run.02", "V", "_"],
                ["2.1", "left", "_", ""], ["3", "and", "_", "_", "_", "C-V"],
                ["4", "ate", "SpaceAfter=No", "eat.01", "_", "V"], ["5", ".", "_", "_", "_", "_"],
            ])
            + universal([["1", "Yes", "_", "_", ""]])
        let data = try read(text, "t.conllu")
        #expect(data.examples.map(\.pair) == ["runs", "ate"] && data.examples.map { $0.words?.predicate } == [1, 3])
        #expect(data.examples[0].text == "He runs and ate.")
        #expect(tags(data) == ["B-ARG0 O O O O", "B-A0 O B-C-V O O"])
        #expect(data.labels == ["O", "B-A0", "B-ARG0", "B-C-V"] && data.columns?.textPair != nil)
        #expect(try tags(read(text, "t.conllu", label: "FORM")) == ["He runs and ate .", "Yes"])
        #expect(try read(text, "t.conllu", readsTags: false).examples.map(\.pair) == ["runs", "ate"])
    }

    @Test func `rows that do not fit the predicates are named`() {
        let rows = [["1", "He", "_", "_", "ARG0"], ["2", "runs", "_", "run.02", "V"]]
        expectError(2, "2 columns of arguments", universal([rows[0], rows[1] + ["ARG1"]]), "t.conllu")
        expectError(1, "0 columns of arguments", universal([["1", "He", "_", "_"], rows[1]]), "t.conllu")
        expectError(1, "which column holds the tags", universal([["1", "He", "_"]]), "t.conllu")
        expectError(
            2, "are not read", "# global.columns = ID FORM UP:PRED UP:ARGHEADS\n1\tHe\t_\t_\n", "t.conllup")
    }

    @Test func `numbers of words that are not in order are named`() throws {
        func numbered(_ numbers: [String]) -> String {
            universal(numbers.map { [$0, "x", "_", $0 == "1" ? "run.01" : "_", "_"] })
        }
        #expect(try read(numbered(["1", "1.1", "1.2", "2-3", "2", "3", "3.1"]), "t.conllu").examples.count == 1)
        for (numbers, line) in [
            (["1", "3", "2"], 2), (["1", "2", "1"], 3), (["2"], 1), (["1", "1"], 2), (["1", "3-4", "2"], 2),
            (["1", "2-1", "2"], 2), (["1", "2.1", "2"], 2), (["1", "1.2"], 2), (["1", "1.1", "1.1"], 3),
            (["1", "-9223372036854775808"], 2), (["1", "9223372036854775807"], 2),
        ] {
            expectError(line, "out of order", numbered(numbers), "t.conllu")
        }
        expectError(2, "the number of the word is \"x\"; CoNLL-U counts words", numbered(["1", "x"]), "t.conllu")
    }

    @Test func `columns of CoNLL-U Plus have names`() throws {
        let text = "# global.columns = ID FORM NER\n1\tAnn\tB-PER\n2\tran\tO\n"
        let data = try read(text, "t.conllup", label: "NER")
        #expect(tags(data) == ["B-PER O"] && data.columns?.label == "NER" && data.columns?.text == "FORM")
    }

    // MARK: JSON Lines

    @Test func `spans are places in code points`() throws {
        let data = try read(
            """
            {"text": "👍 Ann Lee, Rome", "spans": [{"start": 11, "end": 15, "label": "LOC"}, [2, 9, "PER"]]}
            {"text": "no", "spans": []}

            """, "t.jsonl")
        #expect(tags(data) == ["O B-PER I-PER O B-LOC", "O"])
        #expect(data.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"] && data.notices.isEmpty)
        let doccano = try read(#"{"text": "Ann", "label": [[0, 3, "PER"]]}"#, "t.jsonl")
        #expect(tags(doccano) == ["B-PER"] && doccano.labels == ["O", "B-PER"])
        let known = ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
        #expect(try tags(read(#"{"text": "Ann", "entities": [[0, 3, "PER"]]}"#, "t.jsonl", known: known)) == ["S-PER"])
    }

    @Test func `a span that cuts a word counts as all of it`() throws {
        let data = try read(#"{"text": "unhappy day", "spans": [[2, 9, "X"]]}"#, "t.jsonl")
        #expect(tags(data) == ["B-X I-X"] && data.notices.count == 1 && data.notices[0].contains("1 span begins"))
    }

    @Test(arguments: [
        (#"{"text": "a b", "spans": [[0, 3, "X"], [2, 3, "Y"]]}"#, "the spans 1 and 2 overlap"),
        (#"{"text": "a b", "spans": [[0, 4, "X"]]}"#, "lies outside of the text, which has 3 characters"),
        (#"{"text": "a b", "spans": [[-1, 2, "X"]]}"#, "lies outside"),
        (#"{"text": "a b", "spans": [[2, 2, "X"]]}"#, "is empty"),
        (#"{"text": "a b", "spans": [[1, 2, "X"]]}"#, "span 1 holds no word"),
        (#"{"text": "ab", "spans": [[0, 1, "X"], [1, 2, "Y"]]}"#, "share the word \"ab\""),
        (#"{"text": "a b", "spans": [{"start": 0, "end": 1}]}"#, "span 1 has no label"),
        (#"{"text": "a b", "spans": [{"start": "0", "end": 1, "label": "X"}]}"#, "no whole numbers"),
        (#"{"text": "a b", "spans": [9223372036854775807]}"#, "no whole numbers"),
        (#"{"text": "a b", "spans": [[0, 9223372036854775807, "X"]]}"#, "lies outside"),
        (#"{"text": "a b", "spans": "X"}"#, "is not an array"), (#"{"text": "a b"}"#, "no key of spans"),
        (#"{"text": " ", "spans": []}"#, "the text is empty"), (#"{"tokens": ["a"], "tags": [3]}"#, "not numbers"),
        (#"{"tokens": ["a"], "tags": ["O", "O"]}"#, "2 tags for 1 word"), (#"{"tokens": ["a"]}"#, "no key of tags"),
        (#"{"tokens": ["a", " "], "tags": ["O", "O"]}"#, "is empty"), ("[1]", "not a JSON object"),
        (#"{"tokens": ["a"], "tags": ["O"], "predicate": 1}"#, "give the number of a word"),
        (#"{"text": "a", "spans": [[0, 1, "O"]]}"#, "span 1 has the label \"O\""),
        (#"{"text": "a", "spans": [], "entities": [[0, 1, "X"]]}"#, "spans under \"spans\" and under \"entities\""),
        (#"{"tokens": ["a"], "tags": ["O"], "ner_tags": ["O"]}"#, "tags under \"tags\" and under \"ner_tags\""),
        (#"{"text": "a b", "spans": [[0, 1, "B-X"], [2, 3, "I-X"]]}"#, "span 1 has the label \"B-X\", which is a tag"),
        (#"{"text": "a", "spans": [], "predicate": [0, 5]}"#, "the predicate, from 0 to 5, lies outside"),
    ])
    func `lines with wrong spans are named`(line: String, message: String) {
        let good = line.contains("tokens") ? #"{"tokens": ["x"], "tags": ["B-X"]}"# : #"{"text": "x", "spans": []}"#
        let first = message.contains("predicate") || message.contains("number of a word") ? "\n" : good + "\n"
        expectError(2, message, first + line + "\n", "t.jsonl")
    }

    @Test func `a type may look like a tag where others do not`() throws {
        let data = try read(#"{"text": "a b", "spans": [[0, 1, "B-cell"], [2, 3, "protein"]]}"#, "t.jsonl")
        #expect(tags(data) == ["B-B-cell B-protein"])
        let both = #"{"text": "a b", "spans": [[0, 1, "X"]], "entities": [[2, 3, "Y"]]}"#
        #expect(try tags(read(both, "t.jsonl", label: "entities")) == ["O B-Y"])
        #expect(try tags(read(#"{"text": "a", "spans": [[0, 1, "X"]], "label": "pos"}"#, "t.jsonl")) == ["B-X"])
    }

    @Test func `words with tags, and predicates`() throws {
        let data = try read(
            #"{"tokens": ["He", "ran", "home"], "tags": ["B-A0", "O", "B-A4"], "predicate": 1}"#, "t.jsonl")
        #expect(
            tags(data) == ["B-A0 O B-A4"] && data.examples[0].pair == "ran" && data.examples[0].text == "He ran home")
        let spans = try read(
            #"{"text": "He ran", "spans": [[0, 2, "A0"]], "predicate": {"start": 3, "end": 6}}"#, "t.jsonl")
        #expect(spans.examples[0].pair == "ran" && spans.examples[0].words?.predicate == 1)
        expectError(
            2, "the key \"predicate\" is missing",
            #"{"text": "He ran", "spans": [], "predicate": [3, 6]}"# + "\n" + #"{"text": "a", "spans": []}"#, "t.jsonl")
    }

    // MARK: what a file is

    @Test(arguments: [
        ("a.conll", "x y\n", true), ("a.txt", "Ann B-PER\nis O\n\n", true), ("a.tsv", "Ann\tB-PER\nis\tO\n", true),
        ("a.tsv", "text\tlabel\nx\ty\n", false), ("a.txt", "a line of text\n", false), ("a.txt", "a O\nb O\n", false),
        ("a.jsonl", #"{"text": "a", "spans": []}"#, true), ("a.jsonl", #"{"text": "a", "labels": ["x"]}"#, false),
        ("a.jsonl", #"{"text": "a", "label": [[0, 1, "X"]]}"#, true),
        ("a.jsonl", #"{"text": "a", "label": "x"}"#, false),
        ("a.jsonl", #"{"tokens": ["a"], "ner_tags": ["O"]}"#, true), ("a.csv", "Ann B-PER\n", false),
        ("a.jsonl", "{", false),
    ])
    func `files with tags of words are known by their look`(name: String, text: String, expected: Bool) {
        #expect(TaggedReader.isTagged(scratch.file(name, text)) == expected)
    }
}
