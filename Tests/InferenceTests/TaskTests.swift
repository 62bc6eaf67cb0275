import Corpus
import Foundation
import Modeling
import Support
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// What tasks read, learn and write.
@Suite struct TaskTests {
    private func line(_ task: any Task, _ labels: [String], _ values: [Float]) -> String {
        var json = JSONWriter()
        task.predictions(labels: labels).append(
            TextOutputs(
                example: Example(text: "a"), encoding: Encoding(inputIDs: [], typeIDs: []), values: values),
            to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func `predictions are objects in the order of the labels`() {
        let labels = ["b", "\"a\""]
        #expect(
            line(Classification(), labels, [0, 0])
                == #"{"label": "b", "probabilities": {"b": 0.5, "\"a\"": 0.5}}"#)
        #expect(
            line(Classification(), labels, [1, -.infinity])
                == #"{"label": "b", "probabilities": {"b": 1.0, "\"a\"": 0.0}}"#)
        #expect(
            line(MultiLabel(), labels, [-.infinity, 0])
                == #"{"labels": ["\"a\""], "probabilities": {"b": 0.0, "\"a\"": 0.5}}"#)
        #expect(
            line(MultiLabel(), ["x"], [-.infinity]) == #"{"labels": [], "probabilities": {"x": 0.0}}"#)
        #expect(line(Regression(), ["value"], [2.5]) == #"{"value": 2.5}"#)
        #expect(line(Regression(), ["x", "y"], [2.5, -1]) == #"{"x": 2.5, "y": -1.0}"#)
        #expect(line(Embedding(), ["score"], [3, 4, 4, 3]) == #"{"cosine": 0.96}"#)
        #expect(line(Embedding(), ["score"], [0, 0, 4, 3]) == #"{"cosine": 0.0}"#)
    }

    @Test func `a class that is not probable enough is null`() {
        var task = Classification()
        task.abstention = Abstention(leastProbability: 0.75)
        // Probabilities 0.75 and 0.25, as 32-bit floats; and a little less.
        #expect(line(task, ["a", "b"], [log(3), 0]).hasPrefix(#"{"label": "a", "probabilities": {"a": 0.75"#))
        #expect(line(task, ["a", "b"], [log(2.99), 0]).hasPrefix(#"{"label": null, "probabilities": {"a": 0.749"#))
        #expect(line(task, ["a", "b"], [0, 9]).hasPrefix(#"{"label": "b""#))
        task.abstention = Abstention(leastProbability: nil)
        #expect(line(task, ["a", "b"], [0, 0]).hasPrefix(#"{"label": "a""#))
    }

    @Test func `a text that is out of scope tells so, and has no class where that is asked for`() {
        func line(_ score: Double, _ abstention: Abstention?) -> String {
            var task = Classification()
            task.abstention = abstention
            var outputs = TextOutputs(
                example: Example(text: "a"), encoding: Encoding(inputIDs: [], typeIDs: []), values: [0, 0])
            outputs.outOfScope = score
            var json = JSONWriter()
            task.predictions(labels: ["x", "y"]).append(outputs, to: &json)
            return String(decoding: json.bytes, as: UTF8.self)
        }
        let rest = #""probabilities": {"x": 0.5, "y": 0.5}, "out_of_scope": "#
        #expect(line(1.25, nil) == #"{"label": "x", \#(rest)1.25}"#)
        let within = Abstention(leastProbability: nil, isWithinScope: true)
        #expect(line(1.25, within) == #"{"label": null, \#(rest)1.25}"#)
        #expect(line(1, within) == #"{"label": "x", \#(rest)1.0}"#)
        #expect(line(1, Abstention(leastProbability: 0.75, isWithinScope: true)).hasPrefix(#"{"label": null"#))
    }

    @Test func `an example becomes a target`() {
        let encoding = Encoding(inputIDs: [1, 2], typeIDs: [0, 0])
        func target(_ task: any Task, _ label: ExampleLabel) -> Target {
            task.target(of: Example(text: "a", label: label), encoding: encoding, outputs: 3)
        }
        #expect(target(Classification(), .one(2)) == .classIndex(2))
        #expect(target(Classification(), .none) == .none)
        #expect(target(MultiLabel(), .several([0, 2])) == .values([1, 0, 1]))
        #expect(target(MultiLabel(), .several([])) == .values([0, 0, 0]))
        #expect(target(Regression(), .values([1, 2, 3])) == .values([1, 2, 3]))
    }

    @Test func `a predicate must be a word of its text`() {
        let task = TokenTagging()
        #expect(task.problem(of: Example(text: "She ran home.", pair: "ran")) == nil)
        #expect(task.problem(of: Example(text: "She ran home.")) == nil)
        #expect(task.problem(of: Example(text: "x", pair: "ran", words: TextWords([0..<1], predicate: 0))) == nil)
        for wrong in ["run", "Ran", "ran home", ""] {
            let problem = task.problem(of: Example(text: "She ran home.", pair: wrong))
            #expect(problem?.hasPrefix("the predicate \"\(wrong)\" is no word of the text") == true)
        }
    }

    @Test func `the task is seen from the labels where they are plain`() throws {
        let scratch = try Scratch()
        func guess(_ lines: [String]) throws -> TaskGuess {
            try scratch.write(lines.joined(separator: "\n") + "\n", "t.jsonl")
            return try TaskGuess(scratch.path + "/t.jsonl", columns: ColumnNames())
        }
        let classes = try guess((0..<40).map { "{\"text\": \"a\", \"label\": \($0 % 5)}" })
        #expect(classes.task.name == "classification" && classes.reason == nil)
        // Stars with halves are classes.
        let stars = try guess((0..<40).map { "{\"text\": \"a\", \"label\": \(Double($0 % 9) / 2)}" })
        #expect(stars.task.name == "classification")
        let numbers = try guess((0..<40).map { "{\"text\": \"a\", \"label\": \(Double($0) / 8)}" })
        #expect(numbers.task.name == "regression" && numbers.reason?.contains("--task classification") == true)
        let pairs = (0..<40).map {
            "{\"sentence1\": \"a\", \"sentence2\": \"b\", \"score\": \(Double($0) / 8)}"
        }
        #expect(try guess(pairs).task.name == "regression")
        let embedding = try TaskGuess(scratch.path + "/t.jsonl", columns: ColumnNames(), makesEmbeddings: true)
        #expect(embedding.task.name == "embedding" && embedding.reason?.contains("--task regression") == true)
        let lists = try guess(["{\"text\": \"a\", \"label\": [\"x\"]}", "{\"text\": \"b\", \"label\": []}"])
        #expect(lists.task.name == "multi-label" && lists.reason != nil)
        let spans = try guess([#"{"text": "a", "spans": []}"#])
        #expect(spans.task.name == "token-classification" && spans.reason != nil)
    }

    @Test func `a model says its task`() throws {
        for task in Tasks.all {
            #expect(Tasks.named(task.name)?.name == task.name)
            var configuration = ModelConfiguration.tiny(labels: ["a", "b"])
            configuration.purpose = task.purpose
            let read = try ModelConfiguration(json: configuration.json(), path: "config.json")
            #expect(read.purpose == task.purpose)
        }
    }

    @Test func `scores become cosines by the range of the training set, or the one that is given`() throws {
        func data(_ scores: [Float]) -> Dataset {
            Dataset(
                path: "t.csv", labels: ["score"],
                examples: scores.map { Example(text: "a", pair: "b", label: .values([$0])) })
        }
        func fitted(_ scores: [Float], _ range: String? = nil) throws -> any Task {
            try Embedding().fitted(
                to: data(scores), options: TaskOptions(scoreRange: try range.map { try ScoreRange($0) }))
        }
        func target(_ task: any Task, _ score: Float) -> Target {
            task.target(of: data([score]).examples[0], encoding: Encoding(inputIDs: [], typeIDs: []), outputs: 3)
        }
        let five = try fitted([0, 2.5, 5])
        #expect(
            five.scoreRange?.text == "0,5" && target(five, 2.5) == .values([0.5]) && target(five, 6) == .values([1.2]))
        // They are cosines already.
        #expect(try fitted([0.25, 0.5]).scoreRange == .cosines)
        #expect(try fitted([1, 1]).scoreRange == .cosines)
        #expect(target(try fitted([1, 2], "-2,2"), 1) == .values([0.75]))
        #expect(failure { _ = try fitted([3, 3]) }.contains("all scores are 3"))
        let outside = failure { _ = try fitted([0, 5.5], "0,5") }
        #expect(outside.contains("t.csv: scores are from 0 to 5.5, beyond --score-range 0,5"), "\(outside)")
        for text in ["5", "5,0", "0,0", "0,nan", "0,5,6", "a,b", "-1e308,1e308", ""] {
            #expect(throws: ScoreRange.Problem.self) { try ScoreRange(text) }
        }
        #expect(Embedding().problem(of: Example(text: "a"))?.contains("--text-pair-column") == true)
        #expect(Embedding().problem(of: Example(text: "a", pair: "b")) == nil)
    }

    @Test func `label smoothing is for classes alone`() throws {
        let options = TaskOptions(labelSmoothing: 0.1)
        #expect(throws: Never.self) { try Classification().objective(options, data: nil) }
        for task in [MultiLabel() as any Task, Regression()] {
            #expect(throws: TaskError.self) { try task.objective(options, data: nil) }
        }
    }
}
