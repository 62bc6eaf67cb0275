import Numerics

/// A head without parameters whose outputs are the encoder's rows of all tokens, each scaled to length 1, for texts to
/// be compared token by token. An example has two sequences: a text, and what its class is called or about.
public struct TokenEmbedding: Head {
    /// See ``Head``.
    public static let kind = "token-embedding"
    /// Floats of a row: as many as the encoder's rows have.
    public var width: Int

    /// A head on rows of this width.
    public init(width: Int) { self.width = width }

    /// All tokens.
    public var reads: RowSelection { .allTokens }
    /// A row.
    public var outputWidth: Int { width }
    /// It has.
    public var isPerToken: Bool { true }
    /// A text and a description.
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

    /// The class of each sequence; or nothing.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch targets {
        case .none: break
        case .classes(let classes):
            for label in classes where label < 0 { throw .invalidBatch("label \(label), must be at least 0") }
        case .values, .tokens: throw .invalidBatch("targets of embeddings that are no classes")
        }
    }

    /// Nothing.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {}
    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { TokenEmbeddingPasses(width: width) }
    /// The rows themselves.
    public func makeMetrics() -> any MetricAccumulator { CollectedOutputs(width: outputWidth) }
}

/// The passes of ``TokenEmbedding``. T: tokens.
private final class TokenEmbeddingPasses: HeadPasses {
    private let width: Int
    /// 1 over the length of each row of the encoder.
    private var scales: [Float] = []
    /// 2 x (T, width): the outputs and their gradient.
    private var memory = FloatBuffer(count: 0)

    /// The least length that is divided by, as in PyTorch's `normalize`.
    private static let leastLength: Float = 1e-12

    init(width: Int) { self.width = width }

    /// The memory is kept from batch to batch.
    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {}

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        if memory.count < 2 * rows * width { memory = FloatBuffer(count: 2 * rows * width) }
        let outputs = memory.pointer
        scales = (0..<rows).map { row in
            let (source, target) = (hidden + row * width, outputs + row * width)
            var sum: Float = 0
            for i in 0..<width { sum += source[i] * source[i] }
            let scale = 1 / max(sum.squareRoot(), Self.leastLength)
            for i in 0..<width { target[i] = source[i] * scale }
            return scale
        }
        var result = Outputs(values: outputs, gradient: outputs + rows * width, rows: rows, width: width)
        result.offsets = batch.offsets.map { Int($0) }
        return result
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        guard let dHidden else { return }
        for row in 0..<rows {
            // y = x / |x|: the gradient by x is (dy - y (y . dy)) / |x|.
            let (y, dy) = (memory.pointer + row * width, memory.pointer + (rows + row) * width)
            let target = dHidden + row * width
            var dot: Float = 0
            for i in 0..<width { dot += y[i] * dy[i] }
            for i in 0..<width { target[i] = (dy[i] - y[i] * dot) * scales[row] }
        }
    }
}
