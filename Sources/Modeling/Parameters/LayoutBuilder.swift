/// Places tensors in the flat vector, one after the other, in the order in which the backward pass finishes their
/// gradients: those that are trained from its start, frozen ones in a tail behind them.
public struct LayoutBuilder {
    private(set) var parameters: [Parameter] = []
    private(set) var buckets: [Range<Int>] = []
    /// The next float for what is trained.
    private(set) var trainableEnd = 0
    /// The next float of the tail.
    private(set) var frozenEnd: Int
    private var bucketStart = 0
    /// Whether what is placed now has a gradient.
    private(set) var hasGradient = true

    /// Nothing placed yet; the tail begins at `tail`, a multiple of 16.
    init(tail: Int) { frozenEnd = tail }

    private var next: Int {
        get { hasGradient ? trainableEnd : frozenEnd }
        set { if hasGradient { trainableEnd = newValue } else { frozenEnd = newValue } }
    }

    /// From here on tensors of a part that is trained, or not, are placed.
    mutating func begin(hasGradient: Bool) { self.hasGradient = hasGradient }

    /// Goes to the next multiple of 16 floats, 64 bytes.
    mutating func align() { next = (next + 15) / 16 * 16 }

    /// Places a tensor.
    ///
    /// - Parameter aligned: False where it must adjoin the one before.
    /// - Returns: Its first float.
    mutating func tensor(_ id: ParameterID, _ shape: [Int], hasWeightDecay: Bool, aligned: Bool = true) -> Int {
        if aligned { align() }
        let parameter = Parameter(id: id, shape: shape, offset: next, hasWeightDecay: hasWeightDecay)
        parameters.append(parameter)
        next += parameter.count
        return parameter.offset
    }

    /// Places the weight (outputs, inputs) and, if it has one, the bias (outputs) of a linear layer.
    ///
    /// - Parameter id: The identity of each of the two.
    @discardableResult
    public mutating func linear(
        _ id: (ParameterID.AffinePart) -> ParameterID, outputs: Int, inputs: Int, hasBias: Bool = true
    ) -> LinearSlot {
        let weight = tensor(id(.weight), [outputs, inputs], hasWeightDecay: true)
        let bias = hasBias ? tensor(id(.bias), [outputs], hasWeightDecay: false) : nil
        return LinearSlot(weight: weight, bias: bias, outputs: outputs, inputs: inputs, hasGradient: hasGradient)
    }

    /// Places several linear layers of the same shape whose weights adjoin, as do their biases.
    mutating func adjoiningLinears(
        _ ids: [(ParameterID.AffinePart) -> ParameterID], outputs: Int, inputs: Int, hasBias: Bool
    ) -> [LinearSlot] {
        align()
        let weights = ids.map { tensor($0(.weight), [outputs, inputs], hasWeightDecay: true, aligned: false) }
        align()
        let biases = ids.map {
            hasBias ? tensor($0(.bias), [outputs], hasWeightDecay: false, aligned: false) : nil
        }
        return zip(weights, biases).map {
            LinearSlot(weight: $0, bias: $1, outputs: outputs, inputs: inputs, hasGradient: hasGradient)
        }
    }

    /// Places gamma and, if it has one, beta of a LayerNorm over rows of `width`.
    mutating func norm(
        _ id: (ParameterID.AffinePart) -> ParameterID, width: Int, hasBias: Bool = true
    ) -> NormSlot {
        let gamma = tensor(id(.weight), [width], hasWeightDecay: false)
        let beta = hasBias ? tensor(id(.bias), [width], hasWeightDecay: false) : nil
        return NormSlot(gamma: gamma, beta: beta, hasGradient: hasGradient)
    }

    /// Places A and B of the adapter of a linear layer.
    mutating func lowRank(
        _ id: (ParameterID.AffinePart) -> ParameterID, _ adapter: LowRankAdapter, _ sizes: (outputs: Int, inputs: Int)
    ) -> LowRankSlot {
        let a = tensor(id(.lowRankA), [adapter.rank, sizes.inputs], hasWeightDecay: true)
        let b = tensor(id(.lowRankB), [sizes.outputs, adapter.rank], hasWeightDecay: true)
        return LowRankSlot(
            a: a, b: b, rank: adapter.rank, inputs: sizes.inputs, outputs: sizes.outputs, scale: Float(adapter.scale))
    }

    /// Ends the part that travels as one.
    ///
    /// - Returns: The number of its bucket; nil where it is frozen, and does not travel, or has no tensors.
    mutating func endBucket() -> Int? {
        align()
        guard hasGradient, bucketStart < trainableEnd else { return nil }
        buckets.append(bucketStart..<trainableEnd)
        bucketStart = trainableEnd
        return buckets.count - 1
    }
}
