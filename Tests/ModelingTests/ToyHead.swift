import CKernels
import Numerics

@testable import Modeling

/// A head of a kind that the program does not have: the logits of a linear layer on the sum of a sequence's tokens. All
/// that a new head needs is this file and its line in a list.
struct ToyHead: Head {
    static let kind = "toy-sum"
    var classes: Int

    var reads: RowSelection { .allTokens }
    var outputWidth: Int { classes }
    var dropout: Float { 0 }
    var labelLinear: String? { nil }

    func validate() throws(ModelError) {
        guard classes > 0 else { throw .invalidModel("a toy head without classes") }
    }

    func validate(_ targets: Targets) throws(ModelError) {
        guard case .classes(let labels) = targets else { return }
        guard labels.allSatisfy({ (0..<Int32(classes)).contains($0) }) else {
            throw .invalidBatch("labels that do not fit")
        }
    }

    func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        layout.linear({ .head("projection", $0) }, outputs: classes, inputs: encoder.hidden)
    }

    func makePasses(_ context: HeadContext) -> any HeadPasses { ToyHeadPasses(context.linear("projection")) }
    func makeMetrics() -> any MetricAccumulator { ToyMetric() }
}

private final class ToyHeadPasses: HeadPasses {
    private let projection: Linear<Float>
    private var sums: UnsafeMutablePointer<Float>?
    private var values: UnsafeMutablePointer<Float>?
    private var gradient: UnsafeMutablePointer<Float>?
    private var dSums: UnsafeMutablePointer<Float>?
    private var offsets: [Int32] = []

    init(_ projection: Linear<Float>) { self.projection = projection }

    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        // As many sequences as tokens at the most.
        let rows = Matmul.paddedRows(rows)
        (sums, dSums) = (workspace.floats(rows * width), workspace.floats(rows * width))
        (values, gradient) = (workspace.floats(rows * outputs), workspace.floats(rows * outputs))
    }

    private var width: Int { projection.slot.inputs }
    private var outputs: Int { projection.slot.outputs }

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        guard let sums, let values, let gradient else { preconditionFailure("no memory") }
        offsets = batch.offsets
        for s in 0..<batch.sequenceCount {
            for i in 0..<width {
                sums[s * width + i] = (offsets[s]..<offsets[s + 1]).reduce(0) { $0 + hidden[Int($1) * width + i] }
            }
        }
        projection.forward(sums, values, rows: batch.sequenceCount)
        return Outputs(values: values, gradient: gradient, rows: batch.sequenceCount, width: outputs)
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        guard let sums, let gradient, let dSums else { preconditionFailure("no memory") }
        let sequences = offsets.count - 1
        projection.backwardWeight(gradient, sums, rows: sequences, into: sink)
        projection.backwardBias(gradient, rows: sequences, into: sink)
        guard let dHidden else { return }
        projection.backwardInput(gradient, dSums, rows: sequences)
        for s in 0..<sequences {
            for t in Int(offsets[s])..<Int(offsets[s + 1]) {
                (dHidden + t * width).update(from: dSums + s * width, count: width)
            }
        }
    }
}
