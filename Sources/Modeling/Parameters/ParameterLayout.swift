/// Where each tensor stands in the flat vector that weights, gradients and moments share.
///
/// The order is that in which the backward pass finishes gradients: the head first, the word embedding last. So a
/// bucket of the gradient can travel while earlier layers are still being differentiated.
public struct ParameterLayout: Sendable {
    /// All tensors, by offset.
    public let parameters: [Parameter]
    /// The length of the flat vector in floats, alignment gaps included.
    public let count: Int
    /// Where the word embedding begins; everything before it has a dense gradient.
    public let denseCount: Int
    /// The parts of `0..<denseCount` that travel as one, in the order in which the backward pass finishes them: the
    /// head, then the layers from the last to the first, then the position and segment embeddings.
    public let buckets: [Range<Int>]
    /// Floats of a row of the word embedding.
    public let rowWidth: Int
    /// Rows of the word embedding.
    public let rowCount: Int

    let layers: [LayerSlots]
    let embeddings: EmbeddingSlots
    private let head: [String: LinearSlot]

    /// The layout of this model.
    public init(_ model: ModelSpecification) {
        let encoder = model.encoder
        let hidden = encoder.hidden
        var builder = LayoutBuilder()
        model.head.declare(into: &builder, encoder: encoder)
        builder.endBucket()
        head = Self.linears(builder.parameters)
        var layers: [LayerSlots] = []
        for (index, layer) in encoder.layers.enumerated().reversed() {
            func id(_ part: ParameterID.LayerPart) -> (ParameterID.AffinePart) -> ParameterID {
                { .layer(index, part, $0) }
            }
            let outputNorm = builder.norm(id(.outputNorm), width: hidden)
            let output = builder.linear(id(.output), outputs: hidden, inputs: layer.intermediate)
            let intermediate = builder.linear(id(.intermediate), outputs: layer.intermediate, inputs: hidden)
            let attentionNorm = builder.norm(id(.attentionNorm), width: hidden)
            let attentionOutput = builder.linear(id(.attentionOutput), outputs: hidden, inputs: hidden)
            let qkv = builder.adjoiningLinears([id(.query), id(.key), id(.value)], outputs: hidden, inputs: hidden)
            layers.append(
                LayerSlots(
                    outputNorm: outputNorm, output: output, intermediate: intermediate, attentionNorm: attentionNorm,
                    attentionOutput: attentionOutput, query: qkv[0], key: qkv[1], value: qkv[2]))
            builder.endBucket()
        }
        let norm = builder.norm(ParameterID.embeddingNorm, width: hidden)
        let segments =
            encoder.segments == 0
            ? nil : builder.tensor(.embedding(.segments), [encoder.segments, hidden], hasWeightDecay: true)
        let positions = builder.tensor(.embedding(.positions), [encoder.positionRows, hidden], hasWeightDecay: true)
        builder.endBucket()
        denseCount = builder.next
        let words = builder.tensor(.embedding(.words), [encoder.vocabulary, hidden], hasWeightDecay: true)
        builder.align()
        count = builder.next
        parameters = builder.parameters
        buckets = builder.buckets
        rowWidth = hidden
        rowCount = encoder.vocabulary
        self.layers = layers.reversed()
        embeddings = EmbeddingSlots(norm: norm, segments: segments, positions: positions, words: words)
    }

    /// The linear layer that the head declared under this name.
    public func headLinear(_ name: String) -> LinearSlot {
        guard let slot = head[name] else { preconditionFailure("the head declared no linear layer \(name)") }
        return slot
    }

    private static func linears(_ parameters: [Parameter]) -> [String: LinearSlot] {
        var slots: [String: LinearSlot] = [:]
        for weight in parameters {
            guard case .head(let name, .weight) = weight.id, weight.shape.count == 2,
                let bias = parameters.first(where: { $0.id == .head(name, .bias) })
            else { continue }
            slots[name] = LinearSlot(
                weight: weight.offset, bias: bias.offset, outputs: weight.shape[0], inputs: weight.shape[1])
        }
        return slots
    }

    /// The bucket that holds the gradients of layer `layer` (0 is next to the embeddings).
    func bucket(layer: Int) -> Int { layers.count - layer }

    /// The bucket of the head's gradients.
    var headBucket: Int { 0 }

    /// All buckets of a step's flat gradient, whose last part holds the rows of the word embedding that the step
    /// touches: `rows` rows of ``rowWidth`` floats.
    public func stepBuckets(embeddingRows rows: Int) -> [Range<Int>] {
        buckets + [denseCount..<(denseCount + rows * rowWidth)]
    }
}
