import Testing

@testable import Support

struct NameSuggestionTests {
    private let known = [
        "learning-rate", "min-learning-rate", "wire", "batch-size", "epochs", "steps", "seed", "train",
    ]

    @Test(arguments: [
        ("learning_rate", "learning-rate"), ("--LearningRate", "learning-rate"), ("learnign-rate", "learning-rate"),
        ("lr", "learning-rate"), ("epcohs", "epochs"), ("batchsize", "batch-size"), ("wirre", "wire"),
        ("step", "steps"),
    ])
    func `a near name is suggested`(given: String, meant: String) {
        #expect(NameSuggestion.nearest(to: given, among: known, aliases: ["lr": "learning-rate"]) == meant)
    }

    @Test(arguments: ["lr", "x", "", "--", "nonsense", "colour"])
    func `a far one is not`(given: String) {
        #expect(NameSuggestion.nearest(to: given, among: known) == nil)
    }

    @Test func `an alias of an option that this command has not is no suggestion`() {
        #expect(NameSuggestion.nearest(to: "lr", among: ["wire"], aliases: ["lr": "learning-rate"]) == nil)
    }

    @Test(arguments: [("abc", "abc", 0), ("abc", "acb", 1), ("abc", "", 3), ("kitten", "sitting", 3)])
    func `distances count single changes`(a: String, b: String, distance: Int) {
        #expect(NameSuggestion.distance(a, b) == distance)
    }
}
