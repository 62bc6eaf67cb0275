import Corpus
import Inference
import Support

/// Lines on standard error about what a command reads: what it was read as, and what looks like a mistake.
struct InputReview {
    private let isPairModel: Bool?
    private let maxLength: Int
    private let areCut: Bool
    private var tokens = TokenReview()
    private var hasWrongPairing = false

    /// About texts for `pipeline`.
    init(_ pipeline: TextPipeline) { self.init(pipeline, isPairModel: pipeline.isPairModel) }

    /// The same where it is known whether the model takes pairs; nil for one of which it does not matter.
    init(_ pipeline: TextPipeline, isPairModel: Bool?) {
        self.isPairModel = isPairModel
        maxLength = pipeline.maxLength
        areCut = !pipeline.task.tagsWords
    }

    /// Takes in some of the texts.
    mutating func add(_ texts: [Example], _ pipeline: TextPipeline) {
        tokens.add(pipeline.tokenReview(texts))
        if let isPairModel, texts.contains(where: { ($0.pair != nil) != isPairModel }), !hasWrongPairing {
            hasWrongPairing = true
            StandardError.warning(DatasetReview.pairingAdvice(modelOfPairs: isPairModel))
        }
    }

    /// Says what all texts together suggest.
    func finish() {
        if areCut, let count = tokens.cutCount {
            StandardError.write(DatasetReview.cutLine(count, maxLength: maxLength))
        }
        if let line = tokens.unknownLine("") { StandardError.warning(line) }
    }
}

extension StandardError {
    /// A line that begins with "warning:".
    static func warning(_ text: String) { write("warning: \(text.printable(limit: 1000))") }

    /// The lines of a review.
    static func write(_ review: DatasetReview) {
        for line in review.notices { write(line.printable(limit: 1000)) }
        for line in review.warnings { warning(line) }
    }
}
