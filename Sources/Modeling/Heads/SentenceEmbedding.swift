import Numerics

/// A head without parameters whose outputs are embeddings of whole texts: the rows of a text's tokens pooled to one,
/// which is scaled to length 1 if wanted (Reimers and Gurevych, "Sentence-BERT", 2019).
public struct SentenceEmbedding: Head {
    /// See ``Head``.
    public static let kind = "sentence-embedding"
    /// Floats of an embedding: as many as the encoder's rows have.
    public var width: Int
    /// How rows become one.
    public var pooling: TokenPooling
    /// Whether embeddings have length 1.
    public var normalizes: Bool

    /// A head of these settings.
    public init(width: Int, pooling: TokenPooling, normalizes: Bool) {
        self.width = width
        self.pooling = pooling
        self.normalizes = normalizes
    }

    /// The first token, or all.
    public var reads: RowSelection { pooling == .first ? .firstTokens : .allTokens }
    /// An embedding.
    public var outputWidth: Int { width }
    /// A pair of texts.
    public var sequencesPerExample: Int { 2 }
    /// None.
    public var dropout: Float { 0 }
    /// None.
    public var labelLinear: String? { nil }

    /// See ``Head``.
    public func validate() throws(ModelError) {
        guard EncoderArchitecture.Limits.hidden.contains(width) else {
            throw .invalidModel("embeddings of \(width) numbers")
        }
    }

    /// As wide as the encoder.
    public func validate(_ encoder: EncoderArchitecture) throws(ModelError) {
        guard width == encoder.hidden else {
            throw .invalidModel("embeddings of \(width) numbers on an encoder of \(encoder.hidden)")
        }
    }

    /// How alike the texts of a pair are: a number for each of the two; or nothing.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch targets {
        case .none: break
        case .values(let values, width: 1) where values.count.isMultiple(of: 2): break
        case .classes, .values, .tokens: throw .invalidBatch("targets that are not one number for each text of a pair")
        }
    }

    /// Nothing.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {}

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { SentenceEmbeddingPasses(self) }

    /// Correlations of pairs.
    public func makeMetrics() -> any MetricAccumulator { SimilarityMetrics() }
}

/// The passes of ``SentenceEmbedding``. S: sequences.
final class SentenceEmbeddingPasses: HeadPasses {
    private let width: Int
    private let pooling: TokenPooling
    private let normalizes: Bool
    /// S + 1 offsets into the rows.
    private var offsets: [Int] = []
    /// 1 over the length of each pooled row; 1 where it is not scaled.
    private var scales: [Float] = []
    /// (S, width), the row that the largest value is from; for ``TokenPooling/max`` alone.
    private var origins: [Int32] = []
    /// 2 x (S, width): the outputs and their gradient.
    private var memory = FloatBuffer(count: 0)

    /// The least length that is divided by, as in PyTorch's `normalize`.
    private static let leastLength: Float = 1e-12

    init(_ head: SentenceEmbedding) {
        width = head.width
        pooling = head.pooling
        normalizes = head.normalizes
    }

    /// There are far fewer sequences than rows, for which alone memory could be laid out here.
    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {}

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        offsets = (pooling == .first ? RowSelection.firstTokens : .allTokens).rowOffsets(batch)
        let sequences = batch.sequenceCount
        if memory.count < 2 * sequences * width { memory = FloatBuffer(count: 2 * sequences * width) }
        let outputs = memory.pointer
        scales = [Float](repeating: 1, count: sequences)
        if pooling == .max { origins = [Int32](repeating: 0, count: sequences * width) }
        for s in 0..<sequences {
            let out = outputs + s * width
            pool(hidden, from: offsets[s], to: offsets[s + 1], s, into: out)
            guard normalizes else { continue }
            var sum: Float = 0
            for i in 0..<width { sum += out[i] * out[i] }
            scales[s] = 1 / max(sum.squareRoot(), Self.leastLength)
            for i in 0..<width { out[i] *= scales[s] }
        }
        return Outputs(
            values: outputs, gradient: outputs + sequences * width, rows: sequences, width: width)
    }

    /// What each row of a text counts for in its pooled row.
    private func share(_ rows: Int) -> Float {
        switch pooling {
        case .first, .max: 1
        case .mean: 1 / Float(max(rows, 1))
        case .meanSquareRoot: 1 / Float(max(rows, 1)).squareRoot()
        }
    }

    private func pool(
        _ hidden: UnsafeMutablePointer<Float>, from first: Int, to end: Int, _ sequence: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        guard first < end else { return out.update(repeating: 0, count: width) }
        out.update(from: hidden + first * width, count: width)
        if pooling == .max {
            origins.withUnsafeMutableBufferPointer { origins in
                for i in 0..<width { origins[sequence * width + i] = Int32(truncatingIfNeeded: first) }
                for row in (first + 1)..<max(end, first + 1) {
                    let values = hidden + row * width
                    for i in 0..<width where values[i] > out[i] {
                        out[i] = values[i]
                        origins[sequence * width + i] = Int32(truncatingIfNeeded: row)
                    }
                }
            }
            return
        }
        for row in (first + 1)..<max(end, first + 1) {
            let values = hidden + row * width
            for i in 0..<width { out[i] += values[i] }
        }
        let share = share(end - first)
        for i in 0..<width { out[i] *= share }
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        guard let dHidden else { return }
        let sequences = scales.count
        for s in 0..<sequences {
            let out = memory.pointer + s * width
            let d = memory.pointer + (sequences + s) * width
            if normalizes {
                // y = x / |x|: the gradient by x is (dy - y (y . dy)) / |x|.
                var dot: Float = 0
                for i in 0..<width { dot += out[i] * d[i] }
                for i in 0..<width { d[i] = (d[i] - out[i] * dot) * scales[s] }
            }
            if pooling == .max {
                (dHidden + offsets[s] * width).update(repeating: 0, count: (offsets[s + 1] - offsets[s]) * width)
                origins.withUnsafeBufferPointer { origins in
                    for i in 0..<width { dHidden[Int(origins[s * width + i]) * width + i] = d[i] }
                }
                continue
            }
            let share = share(offsets[s + 1] - offsets[s])
            for row in offsets[s]..<offsets[s + 1] {
                let target = dHidden + row * width
                for i in 0..<width { target[i] = d[i] * share }
            }
        }
    }
}
