import Testing

@testable import Corpus

@Suite("What is said of data")
struct DatasetReviewTests {
    let scratch = Scratch()

    /// A data set of texts with these labels, in numbers.
    private func data(_ counts: [(String, Int)], name: String = "d.csv", offset: Int = 0) throws -> Dataset {
        var text = "text,label\n"
        var number = offset
        for (label, count) in counts {
            for _ in 0..<count {
                text += "text number \(number),\"\(label)\"\n"
                number += 1
            }
        }
        return try DatasetReader.read(scratch.file(name, text))
    }

    private func review(_ counts: [(String, Int)], isDrawn: Bool = false) throws -> DatasetReview {
        DatasetReview(training: try data(counts), isDrawn: isDrawn, validation: nil, test: nil)
    }

    @Test func `columns, classes and counts are one line`() throws {
        let review = try review([("neg", 20), ("pos", 22)])
        #expect(review.notices == ["columns: text \"text\", label \"label\"; 2 classes: neg 20, pos 22"])
        #expect(review.warnings.isEmpty)
    }

    @Test func `of many classes the largest and the smallest are shown`() throws {
        let review = try review((0..<30).map { ("c\($0)", 40 - $0) })
        #expect(review.notices[0].hasSuffix("30 classes: c0 40, c1 39, c2 38, c3 37, …, c28 12, c29 11"))
    }

    @Test(arguments: [
        ["pos", "pos "], ["neg", "Neg"], ["a b", "a  b"], ["a", "a\u{A0}"], ["x", "\u{200B}x"], ["1", "1.0"],
        ["01", "1"],
        ["straße", "Straße"], ["ÉTÉ", "été"],
    ]) func `classes that differ only in case or blanks are warned about`(names: [String]) throws {
        let review = try review((Array(Set(names)).sorted() + ["other"]).map { ($0, 3) })
        #expect(review.warnings.count { $0.contains("differ only in case") } == 1, "\(review)")
    }

    @Test(arguments: ["nan", "NaN", "None", "null", "N/A", "<NA>", "NA", " nan ", "?", "empty"])
    func `a class that is called as a missing label is warned about`(name: String) throws {
        let review = try review([("x", 3), ("y", 3), (name, 2)])
        #expect(review.warnings.count { $0.contains("missing label") } == 1, "\(review)")
        #expect(try self.review([("nano", 2), ("nonentity", 2)]).warnings.isEmpty)
    }

    @Test func `names that begin or end with a blank are warned about`() throws {
        let review = try review([(" neg", 3), ("pos ", 3), ("a b", 3)])
        let lines = review.warnings.filter { $0.contains("begin or end with a blank") }
        #expect(lines.count == 1 && lines[0].contains("\" neg\" 3, \"pos \" 3;"), "\(review)")
    }

    @Test func `labels that are measurements are warned about`() throws {
        let review = try review([("0.5", 3), ("3.75", 3), ("1.0", 3), ("2", 3)])
        #expect(review.warnings.count == 1 && review.warnings[0].contains("decimals: 0.5 3, 3.75 3;"), "\(review)")
        for fine in [["0.0", "1.0"], ["1", "2"], ["v1.5", "v2.5"], ["2.5", "other"]] {
            #expect(try self.review(fine.map { ($0, 3) }).warnings.isEmpty)
        }
    }

    @Test func `labels that hold several are warned about`() throws {
        let lists = try review([("[0, 1]", 3), ("[1]", 3), ("x", 3)])
        #expect(lists.warnings.count == 1 && lists.warnings[0].contains("look like several"), "\(lists)")
        for separator in ["|", ";", ", "] {
            let joined = try review([("a", 3), ("b", 3), ("a\(separator)b", 3)])
            #expect(joined.warnings.count == 1 && joined.warnings[0].contains("a\(separator)b\" 3"), "\(joined)")
        }
        #expect(try review([("food, drink", 3), ("sports; games", 3), ("a|b", 3)]).warnings.isEmpty)
    }

    @Test func `large numbers that differ are not taken for one`() throws {
        #expect(try review([("9007199254740992", 3), ("9007199254740993", 3)]).warnings.isEmpty)
    }

    @Test func `rare classes are named all at once, with counts and a way out`() throws {
        let review = try review([("a", 5), ("r1", 1), ("r2", 1)])
        let line = try #require(review.warnings.first)
        #expect(line.contains("r1 1, r2 1") && line.contains("--drop-rare-classes"))
        #expect(try self.review([("a", 1), ("b", 1)], isDrawn: true).warnings.isEmpty)
        let many = try #require(
            try self.review((0..<30).map { ("r\($0)", 1) } + [("a", 80)]).warnings.first)
        #expect(many.contains("30") || many.contains("31"))
    }

    @Test func `a column of numbers for labels is doubted`() throws {
        let review = try review((0..<40).map { ("0.\($0)1", 1) })
        #expect(review.warnings.count { $0.contains("is \"label\" the column of the label") } == 1, "\(review)")
    }

    @Test func `uneven classes get a line`() throws {
        #expect(try review([("a", 100), ("b", 10)]).notices.count { $0.contains("uneven") } == 1)
        #expect(try review([("a", 99), ("b", 10)]).notices.count { $0.contains("uneven") } == 0)
    }

    @Test func `repeated texts get a line, and a warning if their labels differ`() throws {
        let same = try DatasetReader.read(scratch.file("a.csv", "text,label\na,x\na,x\nb,y\nc,y\n"))
        let one = DatasetReview(training: same, validation: nil, test: nil)
        #expect(
            one.notices.contains { $0.contains("1 of 4 examples are repetitions") } && one.warnings.isEmpty, "\(one)")
        let other = try DatasetReader.read(scratch.file("b.csv", "text,label\na,x\na,y\na,y\nb,y\nb,y\n"))
        let two = DatasetReview(training: other, validation: nil, test: nil)
        #expect(
            two.warnings.contains { $0.contains("one text occurs with different labels (of 3 repetitions") }, "\(two)")
    }

    @Test func `a sentence may have a word as its predicate twice`() {
        func roles(_ predicates: [Int]) -> Dataset {
            let examples = predicates.enumerated().map { number, predicate in
                Example(
                    text: "x x", pair: "x", label: .tags([Int32(number % 2), 0]),
                    words: TextWords([0..<1, 2..<3], predicate: predicate))
            }
            return Dataset(path: "r.conllu", labels: ["O", "B-A"], examples: examples)
        }
        #expect(DatasetReview(training: roles([0, 1]), validation: nil, test: nil).warnings.isEmpty)
        #expect(DatasetReview(training: roles([0, 0]), validation: nil, test: nil).warnings.count == 1)
    }

    @Test func `the first text of pairs may recur`() throws {
        let pairs = try DatasetReader.read(
            scratch.file("p.csv", "question,sentence,label\nq,a,x\nq,b,y\nqa,,x\nr,s,y\n"))
        let review = DatasetReview(training: pairs, validation: nil, test: nil)
        #expect(review.warnings.isEmpty)
        #expect(review.notices[0].contains("text \"question\", pair \"sentence\""))
    }

    @Test func `a test set that was trained on is warned about`() throws {
        let training = try data([("a", 5), ("b", 5)])
        let equal = DatasetReview(training: training, validation: nil, test: training)
        #expect(equal.warnings.count { $0.contains("all texts of the test set") } == 1, "\(equal)")
        let part = try data([("a", 4), ("b", 4)], name: "t.csv", offset: 8)
        let some = DatasetReview(training: training, validation: part, test: nil)
        #expect(some.warnings.count { $0.contains("2 of 8 texts of the validation set") } == 1, "\(some)")
        let new = try data([("a", 4), ("b", 4)], name: "n.csv", offset: 100)
        #expect(DatasetReview(training: training, validation: nil, test: new).warnings.isEmpty)
    }

    @Test func `sets of which one has pairs are warned about`() throws {
        let pairs = try DatasetReader.read(scratch.file("p.csv", "text,text_pair,label\na,b,x\nc,d,y\n"))
        let single = try DatasetReader.read(scratch.file("s.csv", "text,label\ne,x\nf,y\n"))
        let review = DatasetReview(training: pairs, validation: nil, test: single)
        #expect(review.warnings.count { $0.contains("single texts") && $0.contains("--text-pair-column") } == 1)
        let known = DatasetReview(evaluating: single, isPairModel: true)
        #expect(known.warnings.count { $0.contains("trained on pairs") } == 1)
        #expect(DatasetReview(evaluating: pairs, isPairModel: false).warnings.count == 1)
        for (data, isPair) in [(single, nil), (single, false), (pairs, true)] as [(Dataset, Bool?)] {
            #expect(DatasetReview(evaluating: data, isPairModel: isPair).warnings.isEmpty)
        }
    }

    @Test func `control characters of labels and columns are not printed`() throws {
        let data = try DatasetReader.read(
            scratch.file("a.csv", "text,label\na,\"x\u{1B}[31m\"\nb,\"x\u{1B}[31m\"\nc,y\nd,\"y\n\"\n"))
        let review = DatasetReview(training: data, validation: nil, test: nil)
        for line in review.notices + review.warnings {
            #expect(!line.unicodeScalars.contains { $0.properties.generalCategory == .control }, "\(line)")
        }
    }

    @Test func `an unknown label that looks like a known one says so`() {
        let options = DatasetReader.Options(labels: ClassLabelReader(known: ["neg", "pos"]))
        let error = scratch.failure("a.csv", "text,label\na,Neg\n", options)
        #expect(error?.reason.contains("differs from \"neg\" only in case") == true)
    }

    @Test func `classes that are left out take their examples along`() throws {
        let all = try data([("a", 2), ("b", 1), ("c", 3)])
        let rest = all.without(classes: ["b"])
        #expect(rest.labels == ["a", "c"] && rest.classCounts == [2, 3])
        #expect(rest.examples.map(\.classNumber) == [0, 0, 1, 1, 1])
        #expect(rest.columns == all.columns)
        #expect(all.rareClasses(below: 3).map(\.name) == ["a", "b"])
    }
}
