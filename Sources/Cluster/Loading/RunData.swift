import Corpus
import Tokenization

/// The data of a run as its options ask for them, with what people ought to know of them.
struct RunData {
    var training: Dataset
    var validation: Dataset?
    var test: Dataset?
    /// As it should be.
    var notices: [String] = []
    /// Probably mistakes.
    var warnings: [String] = []

    /// Reads the files, and draws and leaves out what the options say.
    ///
    /// - Throws: ``FileError``, or ``RunError`` where nothing is left.
    init(_ run: RunConfiguration) throws {
        let columns = ColumnNames(text: run.textColumn, textPair: run.textPairColumn, label: run.labelColumn)
        training = try DatasetReader.read(run.train, columns: columns)
        try training.checkTrainable(minimumPerClass: 1)
        let classes = training.labels
        validation = try run.validation.map { try DatasetReader.read($0, columns: columns, labels: classes) }
        test = try run.test.map { try DatasetReader.read($0, columns: columns, labels: classes) }
        if run.dropRareClasses { try dropRareClasses(run) }
        if let shots = run.shots { draw(shots, seed: run.seed) }
    }

    /// Leaves out classes with fewer than two examples, or than `--shots` draws, of all data.
    private mutating func dropRareClasses(_ run: RunConfiguration) throws {
        let minimum = run.shots ?? 2
        let rare = training.rareClasses(below: minimum)
        guard !rare.isEmpty else { return }
        let names = Set(rare.map(\.name))
        guard training.labels.count - names.count >= 2 else {
            throw RunError.failed(
                "--drop-rare-classes: of the \(training.labels.count) classes of \(run.train) only "
                    + "\(training.labels.count - names.count) have \(minimum) examples; a classifier needs at least two"
            )
        }
        training = training.without(classes: names)
        var lost: [String] = []
        func rest(_ data: Dataset?, _ name: String) throws -> Dataset? {
            guard let data else { return nil }
            let kept = data.without(classes: names)
            guard !kept.examples.isEmpty else {
                throw RunError.failed("--drop-rare-classes leaves no example of \(data.path); give another --\(name)")
            }
            let count = data.examples.count - kept.examples.count
            if count > 0 { lost.append("\(count) of the \(name) set") }
            return kept
        }
        validation = try rest(validation, "validation")
        test = try rest(test, "test")
        notices.append(
            "--drop-rare-classes: without \(rare.count == 1 ? "the class" : "the \(rare.count) classes") of fewer than "
                + "\(minimum) examples: \(DatasetReview.counted(rare))"
                + (lost.isEmpty ? "" : " (with their examples: \(lost.joined(separator: ", ")))"))
    }

    private mutating func draw(_ shots: Int, seed: UInt64) {
        let rare = training.rareClasses(below: shots)
        training = training.fewShotSubset(perClass: shots, seed: seed).dataset
        if !rare.isEmpty {
            warnings.append(
                "--shots \(shots): fewer examples, and all of them taken, of \(DatasetReview.counted(rare))")
        }
    }

    /// Adds what the data and the tokenizer's view of them suggest.
    mutating func review(_ run: RunConfiguration, tokenizer: any Tokenizer, maxLength: Int) {
        var review = DatasetReview(
            training: training, isDrawn: run.shots != nil, validation: validation, test: test)
        var sets = [(name: "the training set", data: training)]
        if let validation { sets.append(("the validation set", validation)) }
        if let test { sets.append(("the test set", test)) }
        review.addTokens(sets, tokenizer: tokenizer, maxLength: maxLength)
        notices = Array(review.notices.prefix(1)) + notices + review.notices.dropFirst()
        warnings += review.warnings
    }
}
