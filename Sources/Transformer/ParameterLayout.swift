import Checkpoint

/// One tensor of the model and its place in the flat vector.
public struct Parameter: Sendable, Equatable {
    /// The Hugging Face name in a `BertForSequenceClassification`, such as `bert.pooler.dense.weight`.
    public let name: String
    /// Rows and columns, or one length; a linear layer's weight is (outputs, inputs).
    public let shape: [Int]
    /// The first float in the flat vector.
    public let offset: Int
    /// Whether weight decay applies: not to biases and not to LayerNorm.
    public let decays: Bool

    /// The number of floats.
    public var count: Int { shape.reduce(1, *) }
    /// The place in the flat vector.
    public var range: Range<Int> { offset..<(offset + count) }
}

/// Where each tensor stands in the flat vector that weights, gradients and moments share.
///
/// The order is that in which the backward pass finishes gradients: the classifier first, the word embedding last. So a
/// bucket of the gradient can travel while earlier layers are still being differentiated.
public struct ParameterLayout: Sendable {
    /// All tensors, by offset.
    public let parameters: [Parameter]
    /// The length of the flat vector in floats, alignment gaps included.
    public let count: Int
    /// Where the word embedding begins; everything before it has a dense gradient.
    public let denseCount: Int
    /// The parts of `0..<denseCount` that travel as one, in the order in which the backward pass finishes them: the
    /// heads, then the layers from the last to the first, then the position and segment embeddings.
    public let buckets: [Range<Int>]

    let classifier: LinearPlace
    let pooler: LinearPlace
    let layers: [LayerPlace]
    let embeddings: EmbeddingPlace

    /// Where a linear layer of (outputs, inputs) stands.
    struct LinearPlace: Sendable {
        var weight: Int
        var bias: Int
        var outputs: Int
        var inputs: Int
    }

    /// Where a LayerNorm stands.
    struct NormPlace: Sendable {
        var gamma: Int
        var beta: Int
    }

    /// Where an encoder layer stands. `query`, `key` and `value` adjoin, as do their biases, so that they can be used
    /// as one matrix of (3 hidden, hidden).
    struct LayerPlace: Sendable {
        var outputNorm: NormPlace
        var output: LinearPlace
        var intermediate: LinearPlace
        var attentionNorm: NormPlace
        var attentionOutput: LinearPlace
        var query: LinearPlace
        var key: LinearPlace
        var value: LinearPlace
    }

    /// Where the embeddings stand.
    struct EmbeddingPlace: Sendable {
        var norm: NormPlace
        var types: Int
        var positions: Int
        var words: Int
    }

    /// The layout of a `BertForSequenceClassification` with this configuration.
    public init(configuration: BertConfiguration) {
        var builder = Builder()
        let h = configuration.hiddenSize
        let classifier = builder.linear("classifier", outputs: configuration.labels.count, inputs: h)
        let pooler = builder.linear("bert.pooler.dense", outputs: h, inputs: h)
        builder.endBucket()

        var layers: [LayerPlace] = []
        for i in (0..<configuration.layers).reversed() {
            let prefix = "bert.encoder.layer.\(i)"
            let outputNorm = builder.norm("\(prefix).output.LayerNorm", width: h)
            let output = builder.linear("\(prefix).output.dense", outputs: h, inputs: configuration.intermediateSize)
            let intermediate = builder.linear(
                "\(prefix).intermediate.dense", outputs: configuration.intermediateSize, inputs: h)
            let attentionNorm = builder.norm("\(prefix).attention.output.LayerNorm", width: h)
            let attentionOutput = builder.linear("\(prefix).attention.output.dense", outputs: h, inputs: h)
            let names = ["query", "key", "value"].map { "\(prefix).attention.self.\($0)" }
            builder.align()
            let weights = names.map { builder.tensor("\($0).weight", [h, h], decays: true, aligned: false) }
            builder.align()
            let biases = names.map { builder.tensor("\($0).bias", [h], decays: false, aligned: false) }
            let qkv = zip(weights, biases).map { LinearPlace(weight: $0, bias: $1, outputs: h, inputs: h) }
            layers.append(
                LayerPlace(
                    outputNorm: outputNorm, output: output, intermediate: intermediate, attentionNorm: attentionNorm,
                    attentionOutput: attentionOutput, query: qkv[0], key: qkv[1], value: qkv[2]))
            builder.endBucket()
        }
        let norm = builder.norm("bert.embeddings.LayerNorm", width: h)
        let types = builder.tensor(
            "bert.embeddings.token_type_embeddings.weight", [configuration.typeVocabSize, h], decays: true)
        let positions = builder.tensor(
            "bert.embeddings.position_embeddings.weight", [configuration.maxPositions, h], decays: true)
        builder.endBucket()
        denseCount = builder.next
        let words = builder.tensor(
            "bert.embeddings.word_embeddings.weight", [configuration.vocabSize, h], decays: true)
        builder.align()
        count = builder.next
        parameters = builder.parameters
        buckets = builder.buckets
        self.classifier = classifier
        self.pooler = pooler
        self.layers = layers.reversed()
        embeddings = EmbeddingPlace(norm: norm, types: types, positions: positions, words: words)
    }

    /// The bucket that holds the gradients of layer `layer` (0 is next to the embeddings).
    func bucket(layer: Int) -> Int { layers.count - layer }

    /// All buckets of a step's flat gradient, whose last part holds the rows of the word embedding that the step
    /// touches: `rows` rows of `hiddenSize` floats.
    public func stepBuckets(embeddingRows rows: Int, hiddenSize: Int) -> [Range<Int>] {
        buckets + [denseCount..<(denseCount + rows * hiddenSize)]
    }

    private struct Builder {
        var parameters: [Parameter] = []
        var buckets: [Range<Int>] = []
        var next = 0
        var bucketStart = 0

        /// To the next multiple of 16 floats, 64 bytes.
        mutating func align() { next = (next + 15) / 16 * 16 }

        mutating func tensor(_ name: String, _ shape: [Int], decays: Bool, aligned: Bool = true) -> Int {
            if aligned { align() }
            let parameter = Parameter(name: name, shape: shape, offset: next, decays: decays)
            parameters.append(parameter)
            next += parameter.count
            return parameter.offset
        }

        mutating func linear(_ name: String, outputs: Int, inputs: Int) -> LinearPlace {
            let weight = tensor("\(name).weight", [outputs, inputs], decays: true)
            let bias = tensor("\(name).bias", [outputs], decays: false)
            return LinearPlace(weight: weight, bias: bias, outputs: outputs, inputs: inputs)
        }

        mutating func norm(_ name: String, width: Int) -> NormPlace {
            let gamma = tensor("\(name).weight", [width], decays: false)
            return NormPlace(gamma: gamma, beta: tensor("\(name).bias", [width], decays: false))
        }

        mutating func endBucket() {
            align()
            buckets.append(bucketStart..<next)
            bucketStart = next
        }
    }
}
