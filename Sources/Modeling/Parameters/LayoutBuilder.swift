/// Places tensors in the flat vector, one after the other, in the order in which the backward pass finishes their
/// gradients.
public struct LayoutBuilder {
    private(set) var parameters: [Parameter] = []
    private(set) var buckets: [Range<Int>] = []
    private(set) var next = 0
    private var bucketStart = 0

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

    /// Places the weight (outputs, inputs) and the bias (outputs) of a linear layer.
    ///
    /// - Parameter id: The identity of each of the two.
    @discardableResult
    public mutating func linear(
        _ id: (ParameterID.AffinePart) -> ParameterID, outputs: Int, inputs: Int
    ) -> LinearSlot {
        let weight = tensor(id(.weight), [outputs, inputs], hasWeightDecay: true)
        let bias = tensor(id(.bias), [outputs], hasWeightDecay: false)
        return LinearSlot(weight: weight, bias: bias, outputs: outputs, inputs: inputs)
    }

    /// Places several linear layers of the same shape whose weights adjoin, as do their biases.
    mutating func adjoiningLinears(
        _ ids: [(ParameterID.AffinePart) -> ParameterID], outputs: Int, inputs: Int
    ) -> [LinearSlot] {
        align()
        let weights = ids.map { tensor($0(.weight), [outputs, inputs], hasWeightDecay: true, aligned: false) }
        align()
        let biases = ids.map { tensor($0(.bias), [outputs], hasWeightDecay: false, aligned: false) }
        return zip(weights, biases).map { LinearSlot(weight: $0, bias: $1, outputs: outputs, inputs: inputs) }
    }

    /// Places gamma and beta of a LayerNorm over rows of `width`.
    mutating func norm(_ id: (ParameterID.AffinePart) -> ParameterID, width: Int) -> NormSlot {
        let gamma = tensor(id(.weight), [width], hasWeightDecay: false)
        return NormSlot(gamma: gamma, beta: tensor(id(.bias), [width], hasWeightDecay: false))
    }

    /// Ends the part that travels as one.
    mutating func endBucket() {
        align()
        buckets.append(bucketStart..<next)
        bucketStart = next
    }
}
