import Corpus
import FewShot
import Modeling
import Support

/// Makes features of texts for what is computed from them: the embeddings of an encoder, or those that a classifier
/// stands on.
public struct TextFeatures {
    private enum Source {
        case encoder(EmbeddingPipeline)
        case classifier(TextPipeline)
    }
    private let source: Source

    /// Of the model in a folder: of a classifier on embeddings what this stands on, of any other model what `shoal
    /// embed` gives.
    ///
    /// - Parameter maxLength: Tokens of a text, or of a window of it, at most; nil for what the folder says.
    /// - Throws: An error that names the folder or file, and what to do.
    public init(_ folder: ModelFolder, threads: Int, maxLength: Int?, precision: Precision) throws {
        if folder.configuration.purpose.isPooled {
            let limit = folder.configuration.encoder.maxLength
            if let maxLength, !(3...limit).contains(maxLength) {
                throw FileError(
                    folder.path, "--max-length is \(maxLength), but must be 3 to the \(limit) tokens of the model")
            }
            let known = maxLength ?? folder.sentenceModules?.maxLength ?? limit
            source = .classifier(
                try TextPipeline(
                    folder, threads: threads, maxLength: max(3, min(limit, known)), precision: precision,
                    appendsEmbeddings: true))
        } else {
            source = .encoder(
                try EmbeddingPipeline(
                    folder, threads: threads, maxLength: maxLength, prefix: nil, precision: precision))
        }
    }

    /// Computes texts as they are given to ``features(_:)``.
    public var pipeline: TextPipeline {
        switch source {
        case .encoder(let encoder): encoder.pipeline
        case .classifier(let classifier): classifier
        }
    }

    /// The features of each text, or pair, in order.
    ///
    /// - Throws: An error about a text that the model cannot take.
    public func features(_ examples: [Example]) throws -> FeatureMatrix {
        var (values, width) = ([Float](), 0)
        for first in stride(from: 0, to: examples.count, by: TextPipeline.window) {
            let window = Array(examples[first..<min(first + TextPipeline.window, examples.count)])
            let rows: [[Float]] =
                switch source {
                case .encoder(let encoder):
                    try encoder.pipeline.outputs(
                        window.map { Example(text: encoder.prefix + $0.text, pair: $0.pair) }
                    ).map(\.values)
                case .classifier(let classifier):
                    try classifier.outputs(window).map { $0.embedding ?? $0.values }
                }
            width = rows.first?.count ?? 0
            for row in rows { values += row }
        }
        return FeatureMatrix(rows: examples.count, width: max(width, 1), values: values)
    }
}
