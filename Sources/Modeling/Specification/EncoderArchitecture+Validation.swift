extension EncoderArchitecture {
    /// Checks every bound, and that the features fit each other.
    public func validate() throws(ModelError) {
        func check(_ what: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
            guard range.contains(value) else {
                throw .invalidModel("\(what) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("the size of the vocabulary", vocabulary, Limits.vocabulary)
        try check("the hidden size", hidden, Limits.hidden)
        try check("the size of the embeddings", embeddingWidth, Limits.hidden)
        try check("the number of segments", segments, Limits.segments)
        try check("the number of layers", layers.count, Limits.layers)
        for layer in layers {
            try check("the number of attention heads", layer.heads, Limits.heads)
            try check("the intermediate size", layer.intermediate, Limits.intermediate)
            guard hidden % layer.heads == 0 else {
                throw .invalidModel("the hidden size \(hidden) is not a multiple of \(layer.heads) attention heads")
            }
            if let window = layer.window { try check("a window of attention", window, Limits.window) }
        }
        try validatePositions()
        guard epsilon > 0, epsilon < 1 else {
            throw .invalidModel("LayerNorm's epsilon is \(epsilon), must be above 0 and below 1")
        }
        guard initializerRange >= 0, initializerRange <= 10 else {
            throw .invalidModel("the initializer range is \(initializerRange), must be 0 to 10")
        }
        for rate in [hiddenDropout, attentionDropout] {
            guard rate >= 0, rate < 1 else {
                throw .invalidModel("a dropout probability is \(rate), must be at least 0 and below 1")
            }
        }
    }

    private func validatePositions() throws(ModelError) {
        func check(_ what: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
            guard range.contains(value) else {
                throw .invalidModel("\(what) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
            }
        }
        switch positions {
        case .absolute(let rows, let offset):
            try check("the number of positions", rows, Limits.positions)
            try check("the row of the first position", offset, 0...(rows - 1))
        case .rotary(let length, let globalBase, let localBase):
            try check("the number of positions", length, Limits.positions)
            for base in [globalBase, localBase] {
                guard Limits.rotaryBase.contains(base) else {
                    throw .invalidModel("the base of rotary positions is \(base), must be 1 to 1e12")
                }
            }
            guard layers.allSatisfy({ (hidden / $0.heads).isMultiple(of: 2) }) else {
                throw .invalidModel("rotary positions need heads of an even number of floats")
            }
        }
        guard let bias = features.relativeBias else { return }
        try check("the number of buckets of distances", bias.buckets, Limits.buckets)
        guard bias.buckets.isMultiple(of: 4) else {
            throw .invalidModel("the number of buckets of distances is \(bias.buckets), must be a multiple of 4")
        }
        try check("the farthest distance", bias.maxDistance, (bias.buckets / 4 + 1)...Limits.positions.upperBound)
        guard layers.allSatisfy({ $0.heads == layers[0].heads }) else {
            throw .invalidModel("a bias that is shared by layers with different numbers of heads")
        }
    }
}
