import Corpus
import FewShot
import Inference
import Modeling
import Numerics
import Support

/// A classifier whose outputs another one learns.
struct Teacher: Sendable {
    /// Its folder, tokenizer and length of texts.
    let model: RunModel
    /// Whose logits are collected.
    let head: CollectedLogits
    /// What a classifier on embeddings has beside its weights; nil for another classifier.
    private let pooled: PooledClassifier?
    /// The place of each class of the student among the teacher's.
    private let places: [Int]

    /// Reads the folder.
    ///
    /// - Parameter labels: The classes that are to be learnt.
    /// - Throws: An error that names the folder, and what does not fit.
    init(_ path: String, _ run: RunConfiguration, labels: [String]) throws {
        var own = run
        (own.model, own.adapter, own.fromScratch) = (path, nil, false)
        model = try RunModel(own, checkpoint: nil)
        let configuration = model.directory.configuration
        let (known, isPooled) = (configuration.labels, configuration.purpose.isPooled)
        func refusal(_ why: String) -> RunError { .failed("--teacher: \(path.printable()) \(why)") }
        guard isPooled || configuration.purpose == .classification else {
            throw refusal(
                "is no classifier that gives each text one class; give the model/ folder of such a run")
        }
        let missing = labels.filter { !known.contains($0) }
        let more = known.filter { !labels.contains($0) }
        guard missing.isEmpty, more.isEmpty else {
            let (what, names) = missing.isEmpty ? ("also has", more) : ("does not have", missing)
            throw refusal(
                "\(what) the \(names.count == 1 ? "class" : "classes") \(Self.shown(names)): teacher and training set "
                    + "must have the same classes; train the teacher on these")
        }
        places = labels.map { known.firstIndex(of: $0) ?? 0 }
        head = CollectedLogits(
            isPooled ? PooledClassification(configuration) : configuration.classifierHead(.singleLabel))
        pooled = isPooled ? try PooledClassifier(model.directory) : nil
    }

    private static func shown(_ names: [String]) -> String {
        names.prefix(5).map { $0.printable(limit: 30) }.joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    }

    /// Its weights.
    func weights(_ phase: PhasePlan, _ layout: ParameterLayout) throws -> FloatBuffer {
        try WeightLoader.load(model.directory, phase.model, layout: layout, missingHead: .fail).weights
    }

    /// The windows of texts, as the teacher takes them.
    func source(_ examples: [Example], batch: Int, team: ThreadTeam) -> WindowedTexts {
        let cutter = TextWindows(model.tokenizer, maxLength: model.maxLength, most: pooled?.windows ?? 1)
        let encodings = team.mapRanges(of: examples.count) { range in
            range.map { cutter.encodings(examples[$0].text, pair: examples[$0].pair) }
        }.flatMap { $0 }
        return WindowedTexts([encodings], batch: batch)
    }

    /// The probabilities of the classes, in the student's order: a row for each text.
    ///
    /// - Parameters:
    ///   - values: Logits of windows, row after row.
    ///   - windows: The rows of each text.
    func probabilities(_ values: [Float], _ windows: [Range<Int>], _ examples: [Example]) -> ScoreMatrix {
        let classes = places.count
        var scores = ScoreMatrix(rows: examples.count, classes: classes)
        for (row, range) in windows.enumerated() {
            let logits = Array(values[(range.lowerBound * classes)..<(range.upperBound * classes)])
            let combined = pooled?.combined(logits, of: examples[row]) ?? logits
            for (label, place) in places.enumerated() { scores[row, label] = Double(combined[place]) }
        }
        return scores.softmax()
    }
}
