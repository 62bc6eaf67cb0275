import Corpus
import Support
import Testing

@testable import shoal

/// Labels of a file that is evaluated, matched with those of the model.
struct KnownLabelsTests {
    private func found(_ labels: [String], _ numbers: [Int32]) -> Dataset {
        Dataset(
            path: "t.csv", labels: labels,
            examples: numbers.enumerated().map { Example(text: "text \($0)", label: .one($1)) })
    }

    private func error(_ found: Dataset, _ labels: [String], skips: Bool = false) -> String? {
        do throws(FileError) {
            _ = try KnownLabels(found, among: labels, skipsUnknown: skips)
            return nil
        } catch { return error.description }
    }

    @Test func `labels get the numbers of the model, by name or by number`() throws {
        let named = try KnownLabels(found(["a", "b"], [0, 1, 1]), among: ["b", "a"], skipsUnknown: false)
        #expect(named.examples.examples.map(\.classNumber) == [1, 0, 0] && named.notice == nil)
        #expect(named.examples.labels == ["b", "a"])
        let numbered = try KnownLabels(found(["0", "1"], [1, 0]), among: ["LABEL_0", "LABEL_1"], skipsUnknown: false)
        #expect(numbered.examples.examples.map(\.classNumber) == [1, 0])
    }

    @Test func `unknown labels are counted and named, with the way out`() {
        let text = error(found(["a", "rare", "x"], [0, 1, 1, 2, 0]), ["a", "b"])
        #expect(
            text
                == "t.csv: 3 of 5 examples with labels that the model does not know: rare 2, x 1; it knows a, b; correct "
                + "them, or leave these examples out with --skip-unknown-labels")
        let close = error(found(["A ", "b"], [0, 1]), ["a", "b"])
        #expect(close?.contains("\"A \" differs from \"a\" only in case, blanks") == true, "\(close ?? "")")
    }

    @Test func `they are left out where that is asked for, and that is said`() throws {
        let known = try KnownLabels(found(["a", "rare"], [1, 0, 1]), among: ["a", "b"], skipsUnknown: true)
        #expect(known.examples.examples == [Example(text: "text 1", label: .one(0))])
        #expect(
            known.notice
                == "--skip-unknown-labels: without 2 of 3 examples with labels that the model does not know: rare 2")
    }

    @Test func `where nothing is left, that is an error all the same`() {
        let text = error(found(["x"], [0]), ["a", "b"], skips: true)
        #expect(text?.contains("1 of 1 example with labels") == true)
        #expect(text?.contains("--skip-unknown-labels") == false)
    }
}
