import Corpus
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
                example: Example(text: "a"), encoding: Encoding(inputIDs: [], typeIDs: []), values: values), to: &json)
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

    @Test func `label smoothing is for classes alone`() throws {
        let options = TaskOptions(labelSmoothing: 0.1)
        #expect(throws: Never.self) { try Classification().objective(options, data: nil) }
        for task in [MultiLabel() as any Task, Regression()] {
            #expect(throws: TaskError.self) { try task.objective(options, data: nil) }
        }
    }
}
