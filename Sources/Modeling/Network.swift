import Numerics

/// Encoder, head and objective over weights of one precision, with the memory for one micro-batch at a time.
final class Network<Element: ComputeElement> {
    private let encoder: EncoderStack<Element>
    private let head: any HeadPasses
    private let objective: any Objective
    private let layout: ParameterLayout
    private let reads: RowSelection
    private let workspace = Workspace()
    private let recorder: SpanRecorder?

    init(
        _ model: ModelSpecification, layout: ParameterLayout, weights: WeightsView<Element>, recomputes: Bool,
        recorder: SpanRecorder?
    ) {
        let matmul = Matmul()
        encoder = EncoderStack(
            architecture: model.encoder, layout: layout, weights: weights, output: model.head.reads,
            recomputes: recomputes, matmul: matmul, recorder: recorder)
        head = model.head.makePasses(
            HeadContext(
                layout: layout, weights: weights.floats,
                rounded: weights.elements as? UnsafePointer<BFloat16>, matmul: matmul))
        objective = model.objective
        reads = model.head.reads
        self.layout = layout
        self.recorder = recorder
    }

    /// The matrix products so far.
    var productCount: Int { encoder.matmul.productCount }

    /// The memory of activations so far, in bytes.
    var activationBytes: Int { workspace.byteCount }

    /// The outputs of a batch without dropout: rows x width, row-major.
    func outputs(_ batch: PackedBatch) -> [Float] {
        let saved = begin(batch, training: false, dropout: nil)
        return forward(batch, saved, dropout: nil).array
    }

    /// See ``Model/evaluate(_:)``.
    func evaluate(_ batch: PackedBatch, of model: ModelSpecification) -> EvaluationPart {
        let saved = begin(batch, training: false, dropout: nil)
        var part = EvaluationPart(model.head)
        let outputs = forward(batch, saved, dropout: nil).readOnly
        part.add(
            EvaluatedBatch(outputs, reads.targets(batch), rowOffsets: model.head.outputOffsets(batch)), of: model)
        return part
    }

    /// The outputs of the forward pass that ``gradient(_:dropout:rows:rowCount:outputGradient:into:)`` makes.
    func trainingOutputs(_ batch: PackedBatch, dropout: DropoutPlan?) -> [Float] {
        let saved = begin(batch, training: true, dropout: dropout)
        return forward(batch, saved, dropout: dropout).array
    }

    /// See ``Model/gradient(_:dropout:embeddingRows:outputGradient:into:)``; `rows` holds the row of each token in the
    /// compact gradient of the word embedding, which has `rowCount` rows, if that is trained.
    func gradient(
        _ batch: PackedBatch, dropout: DropoutPlan?, rows: [Int32], rowCount: Int, outputGradient: [Float]?,
        into sink: some GradientSink
    ) -> Model.Loss {
        let saved = begin(batch, training: true, dropout: dropout)
        let outputs = forward(batch, saved, dropout: dropout)
        let loss: Model.Loss
        if let outputGradient {
            outputs.gradient.update(from: outputGradient, count: outputGradient.count)
            loss = Model.Loss(sum: 0, outputs: outputs.array)
        } else {
            let values = outputs.isInPlace ? [] : outputs.array
            loss = Model.Loss(
                sum: objective.evaluate(outputs, reads.targets(batch), withGradient: true), outputs: values)
        }
        head.backward(
            saved.output, dHidden: layout.trainsEncoder ? saved.gradient : nil, rows: saved.rows.output.count,
            dropout: dropout, into: sink)
        if let bucket = layout.headBucket { sink.finish(bucket: bucket) }
        recorder?.end("loss and head, backward")
        encoder.backward(
            batch, saved: saved, dropout: dropout, rows: rows, rowCount: rowCount, head: head, into: sink)
        return loss
    }

    private func begin(_ batch: PackedBatch, training: Bool, dropout: DropoutPlan?) -> EncoderStack<Element>.Activations
    {
        Matmul.useOneThread()
        recorder?.begin()
        let rows = SelectedRows(reads, of: batch)
        return workspace.plan { workspace in
            let saved = encoder.layOut(workspace, batch, rows: rows, training: training, dropout: dropout)
            head.layOut(workspace, rows: rows.count, dropout: dropout)
            return saved
        }
    }

    private func forward(
        _ batch: PackedBatch, _ saved: EncoderStack<Element>.Activations, dropout: DropoutPlan?
    ) -> Outputs {
        encoder.forward(batch, saved: saved, dropout: dropout)
        let outputs = head.forward(saved.output, rows: saved.rows.output.count, batch: batch, dropout: dropout)
        recorder?.end("head, forward")
        return outputs
    }
}
