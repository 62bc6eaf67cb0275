/// Where each tensor stands in the flat vector of a model's weights, whose front is shared by gradients and moments.
///
/// What is trained stands in front, in the order in which the backward pass finishes gradients: the head first, the
/// word embedding last. So a bucket of the gradient can travel while earlier layers are still being differentiated.
/// What is frozen follows in the same order: gradients and moments end before it.
public struct ParameterLayout: Sendable {
    /// All tensors, by offset.
    public let parameters: [Parameter]
    /// The length of the flat vector in floats, alignment gaps included.
    public let count: Int
    /// Floats of what is trained, alignment gaps included: the length of a moment.
    public let trainableCount: Int
    /// Where the dense part of the gradient ends: what is trained, without a word embedding whose gradient is compact.
    public let denseCount: Int
    /// The parts of `0..<denseCount` that travel as one, in the order in which the backward pass finishes them: the
    /// head, then the layers from the last to the first, then the position and segment embeddings.
    public let buckets: [Range<Int>]
    /// The word embedding, if it is trained and no matrix of the head: at `denseCount`, of (rows, floats of a row). Its
    /// gradient is compact: it has the rows that a step touches, and no others.
    public let rowTable: Parameter?

    let layers: [LayerSlots]
    let embeddings: EmbeddingSlots
    /// The bucket of the head's gradients; nil where it is frozen.
    let headBucket: Int?
    /// Where the backward pass ends: the lowest layer that is trained or has something trained below it; the number of
    /// layers where the head alone is trained.
    let lowestDifferentiatedLayer: Int
    /// The word embedding, trained or not.
    let words: Parameter
    /// Whether the head uses the word embedding as a matrix; it goes into no other product.
    let multipliesWords: Bool
    private let head: [String: LinearSlot]

    /// The layout of this model.
    public init(_ model: ModelSpecification) {
        // Once to measure where the tail begins, and once to place.
        var measuring = LayoutBuilder(tail: 0)
        _ = Placed(model, &measuring)
        var builder = LayoutBuilder(tail: measuring.trainableEnd)
        let placed = Placed(model, &builder)
        parameters = builder.parameters.sorted { $0.offset < $1.offset }
        count = builder.frozenEnd
        trainableCount = builder.trainableEnd
        denseCount = placed.denseCount
        buckets = builder.buckets
        (head, headBucket) = (placed.head, placed.headBucket)
        (layers, embeddings) = (placed.layers, placed.embeddings)
        words = Parameter(
            id: .embedding(.words), shape: [model.encoder.vocabulary, model.encoder.embeddingWidth],
            offset: placed.embeddings.words, hasWeightDecay: true)
        multipliesWords = model.head.tiesWords
        rowTable = model.hasRowTable ? words : nil
        lowestDifferentiatedLayer =
            placed.embeddings.hasGradient ? 0 : placed.layers.firstIndex { $0.bucket != nil } ?? placed.layers.count
    }

    /// The tail that is not trained; empty where everything is.
    public var frozen: Range<Int> { trainableCount..<count }

    /// The tensors that are trained, by offset.
    public var trainable: some Sequence<Parameter> { parameters.prefix { $0.offset < trainableCount } }

    /// Whether anything of the encoder is trained, so that the head must differentiate its input.
    var trainsEncoder: Bool { lowestDifferentiatedLayer < layers.count }

    /// The linear layer that the head declared under this name.
    public func headLinear(_ name: String) -> LinearSlot {
        guard let slot = head[name] else { preconditionFailure("the head declared no linear layer \(name)") }
        return slot
    }

    /// The LayerNorm that the head declared under this name.
    func headNorm(_ name: String) -> NormSlot {
        NormSlot(
            gamma: headTensor(name, .weight).offset, beta: findHeadTensor(name, .bias)?.offset,
            hasGradient: headBucket != nil)
    }

    /// A tensor that the head declared under this name.
    func headTensor(_ name: String, _ part: ParameterID.AffinePart) -> Parameter {
        guard let found = findHeadTensor(name, part) else {
            preconditionFailure("the head declared no \(part) of \(name)")
        }
        return found
    }

    private func findHeadTensor(_ name: String, _ part: ParameterID.AffinePart) -> Parameter? {
        parameters.first { $0.id == .head(name, part) }
    }

    /// All buckets of a step's flat gradient, whose last part holds the rows of the word embedding that the step
    /// touches, if it is trained: `rows` rows of ``rowTable``.
    public func stepBuckets(embeddingRows rows: Int) -> [Range<Int>] {
        guard let rowTable else { return buckets }
        return buckets + [denseCount..<(denseCount + rows * rowTable.rowWidth)]
    }
}

/// The places of all tensors of a model.
private struct Placed {
    var head: [String: LinearSlot]
    var headBucket: Int?
    /// Layer 0 first.
    var layers: [LayerSlots]
    var embeddings: EmbeddingSlots
    var denseCount: Int

    init(_ model: ModelSpecification, _ builder: inout LayoutBuilder) {
        let encoder = model.encoder
        let hidden = encoder.hidden
        let biases = encoder.features.biases
        let isPre = encoder.features.normalization == .pre
        builder.begin(hasGradient: model.trainable.contains(.head))
        model.head.declare(into: &builder, encoder: encoder)
        headBucket = builder.endBucket()
        head = Self.linears(builder)
        var layers: [LayerSlots] = []
        for (index, layer) in encoder.layers.enumerated().reversed() {
            func id(_ part: ParameterID.LayerPart) -> (ParameterID.AffinePart) -> ParameterID {
                { .layer(index, part, $0) }
            }
            builder.begin(hasGradient: model.trainable.contains(.layer(index)))
            let finalNorm =
                isPre && index == encoder.layers.count - 1
                ? builder.norm(id(.finalNorm), width: hidden, hasBias: biases.norm) : nil
            let outputNorm = builder.norm(id(.outputNorm), width: hidden, hasBias: biases.norm)
            let output = builder.linear(
                id(.output), outputs: hidden, inputs: layer.intermediate, hasBias: biases.feedForward)
            let intermediate = builder.linear(
                id(.intermediate), outputs: encoder.preActivationWidth(layer), inputs: hidden,
                hasBias: biases.feedForward)
            let attentionNorm =
                isPre && index == 0
                ? nil : builder.norm(id(.attentionNorm), width: hidden, hasBias: biases.norm)
            let attentionOutput = builder.linear(
                id(.attentionOutput), outputs: hidden, inputs: hidden, hasBias: biases.attention)
            let qkv = builder.adjoiningLinears(
                [id(.query), id(.key), id(.value)], outputs: hidden, inputs: hidden, hasBias: biases.attention)
            // Behind the layer's own tensors, in the same bucket; in front of the frozen tail in any case.
            var lowRank = ByTarget<LowRankSlot>()
            if let adapter = model.adapter {
                builder.align()
                builder.begin(hasGradient: true)
                for target in adapter.targets {
                    lowRank[target] = builder.lowRank(
                        id(target.part), adapter, Self.sizes(target, layer, encoder))
                }
            }
            layers.append(
                LayerSlots(
                    finalNorm: finalNorm, outputNorm: outputNorm, output: output, intermediate: intermediate,
                    attentionNorm: attentionNorm, attentionOutput: attentionOutput, query: qkv[0], key: qkv[1],
                    value: qkv[2], lowRank: lowRank, bucket: builder.endBucket()))
        }
        self.layers = layers.reversed()
        builder.begin(hasGradient: model.trainable.contains(.positions))
        let width = encoder.embeddingWidth
        let projection =
            width == hidden
            ? nil : builder.linear(ParameterID.embeddingProjection, outputs: hidden, inputs: width)
        let norm = builder.norm(ParameterID.embeddingNorm, width: width, hasBias: biases.norm)
        func table(_ table: ParameterID.EmbeddingTable, _ rows: Int) -> Int? {
            rows == 0 ? nil : builder.tensor(.embedding(table), [rows, width], hasWeightDecay: true)
        }
        let segments = table(.segments, encoder.segments)
        let positions = table(.positions, encoder.positionRows)
        // A bias, which its name says in every file: without weight decay.
        let relativeBias = encoder.features.relativeBias.map {
            builder.tensor(
                .embedding(.relativeBias), [$0.buckets, encoder.layers[0].heads], hasWeightDecay: false)
        }
        let bucket = builder.endBucket()
        let denseEnd = builder.trainableEnd
        let trainsWords = model.trainable.contains(.words)
        builder.begin(hasGradient: trainsWords)
        let wordBucket = trainsWords ? builder.buckets.count : nil
        let words = builder.tensor(.embedding(.words), [encoder.vocabulary, width], hasWeightDecay: true)
        if model.head.tiesWords { _ = builder.endBucket() } else { builder.align() }
        denseCount = model.hasRowTable ? denseEnd : builder.trainableEnd
        embeddings = EmbeddingSlots(
            projection: projection, norm: norm, relativeBias: relativeBias, segments: segments, positions: positions,
            bucket: bucket, words: words, wordBucket: wordBucket, hasDenseWords: model.head.tiesWords)
    }

    private static func sizes(
        _ target: LowRankAdapter.Target, _ layer: EncoderArchitecture.Layer, _ encoder: EncoderArchitecture
    ) -> (outputs: Int, inputs: Int) {
        let hidden = encoder.hidden
        return switch target {
        case .intermediate: (encoder.preActivationWidth(layer), hidden)
        case .output: (hidden, layer.intermediate)
        case .query, .key, .value, .attentionOutput: (hidden, hidden)
        case .queryKeyValue: (3 * hidden, hidden)
        }
    }

    /// What the head alone has placed.
    private static func linears(_ builder: LayoutBuilder) -> [String: LinearSlot] {
        var slots: [String: LinearSlot] = [:]
        for weight in builder.parameters {
            guard case .head(let name, .weight) = weight.id, weight.shape.count == 2 else { continue }
            let bias = builder.parameters.first { $0.id == .head(name, .bias) }
            slots[name] = LinearSlot(
                weight: weight.offset, bias: bias?.offset, outputs: weight.shape[0], inputs: weight.shape[1],
                hasGradient: builder.hasGradient)
        }
        return slots
    }
}
