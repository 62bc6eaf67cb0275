import Support
import Testing

@testable import Corpus

/// Labels that are not one class each.
@Suite struct LabelReaderTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func `several labels are an array, or names with a separator`() throws {
        let json = scratch.file(
            "a.jsonl",
            """
            {"text": "one", "labels": ["b", "a"]}
            {"text": "two", "labels": []}
            {"text": "three", "labels": "c"}
            """)
        let data = try DatasetReader.read(json, options: .init(labels: LabelSetReader()))
        #expect(data.labels == ["a", "b", "c"])
        #expect(data.examples.map(\.label) == [.several([0, 1]), .several([]), .several([2])])
        #expect(data.classCounts == [1, 1, 1])
        let csv = scratch.file("a.csv", "text,label\none,b | a\ntwo,\nthree,\"c,d\"\n")
        let piped = try DatasetReader.read(csv, options: .init(labels: LabelSetReader(separator: "|")))
        #expect(piped.labels == ["a", "b", "c,d"])
        #expect(piped.examples.map(\.label) == [.several([0, 1]), .several([]), .several([2])])
        let known = try DatasetReader.read(
            csv, options: .init(labels: LabelSetReader(known: ["c,d", "b", "a"], separator: "|")))
        #expect(known.labels == ["c,d", "b", "a"] && known.examples.map(\.label).first == .several([1, 2]))
    }

    @Test func `labels that cannot be a set are named with their line`() {
        let options = DatasetReader.Options(labels: LabelSetReader())
        #expect(
            scratch.failure("b.csv", "text,label\na,x\nb,\"x,,y\"\n", options)?.description.contains(
                "b.csv, line 3: one of the labels is empty; they are separated by \",\"") == true)
        #expect(
            scratch.failure("c.csv", "text,label\na,\"x,x\"\n", options)?.description.contains(
                ", line 2: the label \"x\" comes twice") == true)
        #expect(
            scratch.failure("d.jsonl", "{\"text\": \"a\", \"label\": [[1]]}\n", options)?.description.contains(
                ", line 1: the value of \"label\" is an array or an object") == true)
        let known = DatasetReader.Options(labels: LabelSetReader(known: ["x"]))
        #expect(
            scratch.failure("e.csv", "text,label\na,\"x,y\"\n", known)?.description.contains(
                "the label \"y\" is none that training saw") == true)
        #expect(
            scratch.failure("f.jsonl", "{\"text\": \"a\", \"label\": [\"x\"]}\n")?.description.contains(
                ", line 1: the label is an array: an example has one class; for several give --task multi-label")
                == true)
    }

    @Test(arguments: ["csv", "jsonl"]) func `no more is read than is asked for`(end: String) throws {
        let csv = "text,label\na,x\n\nb,y\nc,too,many\n"
        let json = "{\"text\":\"a\",\"label\":1}\n\n{\"text\":\"b\",\"label\":2}\n{broken\n"
        let path = scratch.file("first.\(end)", end == "csv" ? csv : json)
        var texts: [String] = []
        try DatasetReader.forEach(path, options: .init(first: 2)) { texts.append($0.text) }
        #expect(texts == ["a", "b"])
        #expect(throws: FileError.self) { try DatasetReader.forEach(path, options: .init(first: 3)) { _ in } }
    }

    @Test func `numbers are read as numbers`() throws {
        let csv = scratch.file("n.csv", "text,label\na,3.5\nb, -1e-2 \nc,4\n")
        let data = try DatasetReader.read(csv, options: .init(labels: ValueReader()))
        #expect(data.labels == ["value"])
        #expect(data.examples.map(\.label) == [.values([3.5]), .values([-0.01]), .values([4])])
        let json = scratch.file(
            "n.jsonl", "{\"text\": \"a\", \"label\": [1, 2.5]}\n{\"text\": \"b\", \"label\": \"3,4\"}\n")
        let two = try DatasetReader.read(json, options: .init(labels: ValueReader()))
        #expect(two.labels == ["value_0", "value_1"])
        #expect(two.examples.map(\.label) == [.values([1, 2.5]), .values([3, 4])])
    }

    @Test(arguments: ["nan", "inf", "0x10", "1 2", "good", "--1"])
    func `what is not a number is named with its line`(text: String) {
        let options = DatasetReader.Options(labels: ValueReader())
        let found = scratch.failure("m.csv", "text,label\na,1\nb,\(text)\n", options)?.description ?? ""
        #expect(found.contains(", line 3: the label \"\(text)\" is not a number"), "\(found)")
    }

    @Test func `what to do about a label that is no number follows what is known`() {
        func found(_ csv: String, known: [String]? = nil, file: String = "m.csv") -> String {
            scratch.failure(file, csv, .init(labels: ValueReader(known: known)))?.description ?? ""
        }
        let large = found("text,label\na,1\nb,-1e99\n")
        #expect(large.contains("line 3: the label \"-1e99\" is beyond what a number of 32 bits holds"), "\(large)")
        #expect(found("text,label\na,x\n").hasSuffix("correct it, or for classes give --task classification"))
        // The model, or the training set, has decided on the task.
        #expect(found("text,label\na,x\n", known: ["value"]).hasSuffix("is not a number; correct it"))
        let empty = found("{\"text\": \"a\", \"label\": []}\n", file: "m.jsonl")
        #expect(empty.hasSuffix("line 1: the label is an empty array; give a number"), "\(empty)")
        let classes = "{\"text\": \"a\", \"label\": [\"x\"]}\n"
        func array(known: [String]?) -> String {
            scratch.failure("c.jsonl", classes, .init(labels: ClassLabelReader(known: known)))?.description ?? ""
        }
        #expect(array(known: nil).hasSuffix("for several give --task multi-label"))
        #expect(array(known: ["x"]).hasSuffix("an example has one class, as in training; correct it"))
        let tags = scratch.failure("w.conll", "a O\n", .init())?.description ?? ""
        #expect(tags.contains("holds words with tags by its name, which --task token-classification reads"), "\(tags)")
        let list = found("{\"text\": \"a\", \"label\": [\"x\"]}\n", file: "m.jsonl")
        #expect(list.hasSuffix("or for several classes of a text give --task multi-label"), "\(list)")
    }

    @Test func `other counts of numbers are refused`() {
        let options = DatasetReader.Options(labels: ValueReader())
        #expect(
            scratch.failure("o.csv", "text,label\na,1\nb,\"1,2\"\n", options)?.description.contains(
                ", line 3: 2 numbers in the label, 1 in those before it") == true)
        let known = DatasetReader.Options(labels: ValueReader(known: ["x", "y"]))
        #expect(
            scratch.failure("p.csv", "text,label\na,1\n", known)?.description.contains(
                ", line 2: 1 number in the label, 2 that the model predicts") == true)
    }
}
