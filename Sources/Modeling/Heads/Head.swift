import Numerics

/// What stands on the encoder and turns its rows into outputs, such as logits: its sizes and its tensors.
///
/// A head is one file, and one line in ``Heads``. The value is the head's configuration, which travels to the workers;
/// ``HeadPasses`` computes. The engine calls a head a handful of times for each micro-batch, never within a loop over
/// rows.
public protocol Head: Sendable, Codable {
    /// Its name in JSON.
    static var kind: String { get }
    /// The rows of the encoder's output that it looks at; the last layer computes no others.
    var reads: RowSelection { get }
    /// Floats of a row of its outputs.
    var outputWidth: Int { get }
    /// Whether it has a row of outputs for each row that it reads; otherwise one for each sequence.
    var isPerToken: Bool { get }
    /// How many sequences an example has, one after the other in its batch: 2 where pairs are compared.
    var sequencesPerExample: Int { get }
    /// The dropout probability within the head.
    var dropout: Float { get }
    /// What the name of its class in `transformers` ends with, such as `ForSequenceClassification`; nil where there is
    /// none.
    var classSuffix: String? { get }
    /// The linear layer with one row for each label, which a model folder may have for other labels or in another
    /// order; nil if there is none.
    var labelLinear: String? { get }
    /// Whether one of its matrices is the word embedding, whose gradient then has all rows: see
    /// ``HeadPasses/writeWordGradient(_:to:)``.
    var tiesWords: Bool { get }

    /// Checks the bounds of the configuration, which may come from outside.
    func validate() throws(ModelError)
    /// Checks that it can stand on this encoder.
    func validate(_ encoder: EncoderArchitecture) throws(ModelError)
    /// Checks that targets, which are as many as their batch calls for, are of the kind that the head learns from and
    /// within its range.
    func validate(_ targets: Targets) throws(ModelError)
    /// Places the head's tensors, in the order in which the backward pass finishes them.
    func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture)
    /// What computes the head, for one compute thread.
    func makePasses(_ context: HeadContext) -> any HeadPasses
    /// What the head counts when it is evaluated, of no examples yet.
    func makeMetrics() -> any MetricAccumulator
}

extension Head {
    /// None.
    public var classSuffix: String? { nil }
    /// It is not.
    public var isPerToken: Bool { false }
    /// One.
    public var sequencesPerExample: Int { 1 }
    /// It is not.
    public var tiesWords: Bool { false }

    /// On any.
    public func validate(_ encoder: EncoderArchitecture) throws(ModelError) {}

    /// See ``EvaluatedBatch/rowOffsets``; nil for one row of each example.
    func outputOffsets(_ batch: PackedBatch) -> [Int]? {
        if isPerToken { return reads.rowOffsets(batch) }
        guard sequencesPerExample > 1 else { return nil }
        return Array(stride(from: 0, through: batch.sequenceCount, by: sequencesPerExample))
    }
}

/// The forward and the backward pass of a head on one compute thread, and the memory between the two.
public protocol HeadPasses: AnyObject {
    /// Lays out the memory for a micro-batch. It is called more than once for each; the last call counts.
    ///
    /// - Parameters:
    ///   - rows: R, the rows that the head reads of this batch.
    ///   - dropout: The masks; nil for none.
    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?)
    /// From the rows that the head reads, (R, hidden), the outputs. Rows beyond R up to `Matmul.paddedRows` have memory
    /// of undefined contents.
    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs
    /// From the outputs' gradient, which the objective has written, that of the rows, `dHidden` (R, hidden), which is
    /// nil where nothing below the head is trained, and those of the head's parameters. Each trained parameter's
    /// gradient is written exactly once (``Linear`` leaves out what is frozen).
    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink)
    /// Where the head uses the word embedding as a matrix: writes the gradient that these rows have by that,
    /// (part.count, hidden). It is asked for all rows in ascending order after
    /// ``backward(_:dHidden:rows:dropout:into:)``, if the word embedding is trained.
    func writeWordGradient(_ part: Range<Int>, to gradient: UnsafeMutablePointer<Float>)
}

extension HeadPasses {
    /// Zeros.
    public func writeWordGradient(_ part: Range<Int>, to gradient: UnsafeMutablePointer<Float>) {}
}

/// What a head's passes compute with.
public struct HeadContext {
    let layout: ParameterLayout
    /// The flat vector of weights.
    let weights: UnsafePointer<Float>
    /// Their rounded copy, where the encoder's products are computed in bfloat16; with the word embedding only where
    /// the head ``Head/tiesWords``.
    let rounded: UnsafePointer<BFloat16>?
    let matmul: Matmul

    /// The linear layer that the head declared under this name.
    func linear(_ name: String) -> Linear<Float> {
        Linear(WeightsView(floats: weights, elements: weights), layout.headLinear(name), matmul)
    }
}

/// Which rows of the encoder's output something looks at.
public enum RowSelection: Sendable, Equatable {
    /// The first token of each sequence: R = S.
    case firstTokens
    /// All tokens: R = T.
    case allTokens
    /// The tokens of which something is to be learnt, by the batch's targets: R is their number, which may be 0.
    case targetTokens

    /// S + 1 offsets: the rows of sequence `s` are those from `rowOffsets[s]` up to `rowOffsets[s + 1]`.
    public func rowOffsets(_ batch: PackedBatch) -> [Int] {
        switch self {
        case .firstTokens: Array(0...batch.sequenceCount)
        case .allTokens: batch.offsets.map { Int($0) }
        case .targetTokens: SelectedRows(self, of: batch).offsets.map { Int($0) }
        }
    }

    /// R, the number of rows of a batch.
    public func count(in batch: PackedBatch) -> Int {
        switch self {
        case .firstTokens: batch.sequenceCount
        case .allTokens: batch.tokenCount
        case .targetTokens: SelectedRows(self, of: batch).count
        }
    }
}

/// A head's outputs for a micro-batch, in memory that the next micro-batch takes over.
public struct Outputs {
    /// (rows, width), row-major.
    public let values: UnsafeMutablePointer<Float>
    /// (rows, width): where the objective writes the gradient of its loss by `values`; it may be the memory of
    /// `values`, where there are very many.
    public let gradient: UnsafeMutablePointer<Float>
    /// Rows: sequences, or tokens.
    public let rows: Int
    /// Floats of a row.
    public let width: Int
    /// S + 1 offsets, where a head has a row for each of several tokens: the rows of sequence `s` are those from
    /// `offsets[s]` up to `offsets[s + 1]`. Nil where an objective does not tell sequences apart.
    public var offsets: [Int]?

    /// Outputs in this memory.
    public init(
        values: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>, rows: Int, width: Int
    ) {
        self.values = values
        self.gradient = gradient
        self.rows = rows
        self.width = width
    }

    /// Row `index` of `values`.
    public func row(_ index: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: values + index * width, count: width)
    }

    /// Row `index` of `gradient`.
    public func gradientRow(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: gradient + index * width, count: width)
    }

    /// `values`, to be read.
    var readOnly: OutputRows { OutputRows(values, rows: rows, width: width) }

    /// Whether the gradient takes the memory of the values.
    var isInPlace: Bool { values == gradient }

    /// A copy of `values`.
    public var array: [Float] { Array(UnsafeBufferPointer(start: values, count: rows * width)) }
}
