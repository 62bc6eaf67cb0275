import Numerics

/// Merges an adapter into the linear layers that it stands beside: W becomes W + s B A.
public enum LowRankMerge {
    /// The merged weights, of the same layout; the adapter's own tensors have no meaning any more.
    ///
    /// Each weight is computed by itself in double precision, so that all machines get the same bits.
    public static func merged(_ weights: FloatBuffer, _ layout: ParameterLayout) -> FloatBuffer {
        let result = FloatBuffer(count: weights.count)
        result.pointer.update(from: weights.pointer, count: weights.count)
        for layer in layout.layers {
            for target in LowRankAdapter.Target.allCases {
                guard let slot = layer.lowRank[target] else { continue }
                let linear = layer.linear(target)
                add(
                    a: weights.pointer + slot.a, b: weights.pointer + slot.b, rank: slot.rank,
                    scale: Double(slot.scale),
                    linear, to: result.pointer + linear.weight)
            }
        }
        return result
    }

    /// The parameters of a layout that a merged model has.
    public static func merged(_ layout: ParameterLayout) -> [Parameter] {
        layout.parameters.filter { !$0.id.isOfAdapter }
    }

    /// Adds s B A to the weight `w` of a linear layer.
    static func add(
        a: UnsafePointer<Float>, b: UnsafePointer<Float>, rank: Int, scale: Double, _ slot: LinearSlot,
        to w: UnsafeMutablePointer<Float>
    ) {
        for output in 0..<slot.outputs {
            for input in 0..<slot.inputs {
                var sum = 0.0
                for k in 0..<rank { sum += Double(b[output * rank + k]) * Double(a[k * slot.inputs + input]) }
                let place = output * slot.inputs + input
                w[place] = Float(Double(w[place]) + scale * sum)
            }
        }
    }
}
