/// Where the adapter of a linear layer stands in the flat vector.
struct LowRankSlot: Sendable, Equatable {
    /// The first float of A, (rank, inputs).
    var a: Int
    /// The first float of B, (outputs, rank).
    var b: Int
    var rank: Int
    var inputs: Int
    var outputs: Int
    /// s of ``LowRankAdapter``.
    var scale: Float
}

/// A value for each linear layer of an encoder layer that has an adapter.
struct ByTarget<Value> {
    /// In the order of `Target.allCases`; empty where there are none.
    private var values: [Value?] = []

    var isEmpty: Bool { values.isEmpty }
    /// Those that there are.
    var present: [Value] { values.compactMap { $0 } }

    subscript(target: LowRankAdapter.Target) -> Value? {
        get { values.isEmpty ? nil : values[target.index] }
        set {
            if values.isEmpty {
                guard newValue != nil else { return }
                values = LowRankAdapter.Target.allCases.map { _ in nil }
            }
            values[target.index] = newValue
        }
    }

    /// The same targets with other values.
    func map<Other>(_ transform: (Value) -> Other) -> ByTarget<Other> {
        var result = ByTarget<Other>()
        for target in LowRankAdapter.Target.allCases { result[target] = self[target].map(transform) }
        return result
    }
}

extension ByTarget: Sendable where Value: Sendable {}

extension LayerSlots {
    /// Query, key and value, which adjoin, as one layer of (3 hidden, hidden).
    var queryKeyValue: LinearSlot {
        var slot = query
        slot.outputs *= 3
        return slot
    }

    /// The linear layer that an adapter stands beside.
    func linear(_ target: LowRankAdapter.Target) -> LinearSlot {
        switch target {
        case .query: query
        case .queryKeyValue: queryKeyValue
        case .key: key
        case .value: value
        case .attentionOutput: attentionOutput
        case .intermediate: intermediate
        case .output: output
        }
    }
}
