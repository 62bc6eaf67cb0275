import Testing

@testable import Corpus

@Suite("Labels, shots and splits")
struct SamplingTests {
    let scratch = Scratch()

    private func labels(_ names: [String]) throws -> [String] {
        let rows = names.enumerated().map { "t\($0),\"\($1)\"\n" }.joined()
        return try DatasetReader.read(scratch.file("labels.csv", "text,label\n" + rows)).labels
    }

    /// 10, 20, 30, … examples of the classes, interleaved.
    private func sample(_ classes: Int = 3) -> Dataset {
        var examples: [Example] = []
        for i in 0..<(10 * classes) {
            for label in 0..<classes where i < 10 * (label + 1) {
                examples.append(Example(text: "\(label)-\(i)", label: .one(Int32(label))))
            }
        }
        return Dataset(path: "sample", labels: (0..<classes).map { "c\($0)" }, examples: examples)
    }

    @Test func `integers are sorted by value`() throws {
        #expect(try labels(["10", "9", "-1", "2", "10"]) == ["-1", "2", "9", "10"])
    }

    @Test func `other labels are sorted by code points`() throws {
        #expect(
            try labels(["b", "Z", "é", "a", "10", "9", "中", "\u{1F600}", "\u{FF21}"]) == [
                "10", "9", "Z", "a", "b", "é", "中", "\u{FF21}", "\u{1F600}",
            ])
    }

    @Test func `labels of examples follow the order`() throws {
        let data = try DatasetReader.read(scratch.file("a.csv", "text,label\none,b\ntwo,a\nthree,b\n"))
        #expect(data.labels == ["a", "b"])
        #expect(data.examples.map(\.classNumber) == [1, 0, 1])
        #expect(data.classCounts == [1, 2])
    }

    @Test func `known labels keep their order and may be absent`() throws {
        let path = scratch.file("a.csv", "text,label\none,b\ntwo,a\n")
        let data = try DatasetReader.read(path, labels: ["c", "b", "a"])
        #expect(data.labels == ["c", "b", "a"])
        #expect(data.examples.map(\.classNumber) == [1, 2])
    }

    @Test func `few-shot subsets draw that many of each class in file order`() {
        let data = sample()
        let (drawn, short) = data.fewShotSubset(perClass: 7, seed: 1)
        #expect(short.isEmpty)
        #expect(drawn.classCounts == [7, 7, 7])
        #expect(Set(drawn.examples.map(\.text)).count == 21)
        let positions = drawn.examples.compactMap { data.examples.firstIndex(of: $0) }
        #expect(positions == positions.sorted())
    }

    @Test func `few-shot subsets repeat for a seed, and differ for another`() {
        let data = sample()
        #expect(
            data.fewShotSubset(perClass: 5, seed: 3).dataset.examples
                == data.fewShotSubset(perClass: 5, seed: 3).dataset.examples)
        #expect(
            data.fewShotSubset(perClass: 5, seed: 3).dataset.examples
                != data.fewShotSubset(perClass: 5, seed: 4).dataset.examples)
    }

    @Test func `few-shot examples of a class do not depend on the others`() {
        let (two, three) = (
            sample(2).fewShotSubset(perClass: 4, seed: 9).dataset, sample(3).fewShotSubset(perClass: 4, seed: 9).dataset
        )
        for label in 0..<2 as Range<Int32> {
            #expect(
                two.examples.filter { $0.classNumber == label } == three.examples.filter { $0.classNumber == label })
        }
    }

    /// Seeds promise the same examples for ever: these were drawn when this test was written.
    @Test func `few-shot subsets stay what they were`() {
        #expect(
            sample(2).fewShotSubset(perClass: 3, seed: 42).dataset.examples.map(\.text)
                == ["0-2", "0-4", "1-8", "0-9", "1-14", "1-15"])
    }

    @Test func `a class with too few gives all and is named`() {
        let (drawn, short) = sample().fewShotSubset(perClass: 15, seed: 1)
        #expect(short == ["c0"])
        #expect(drawn.classCounts == [10, 15, 15])
    }

    @Test func `the hash is that of the bytes`() throws {
        // SHA-256 of "abc" (FIPS 180-4, example B.1).
        #expect(
            try dataFileSHA256(scratch.file("a.csv", "abc"))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
