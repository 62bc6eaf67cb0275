import Foundation
import Numerics

/// The table of biases of attention scores by distance (``EncoderArchitecture/RelativeBias``), spread out over all
/// distances of a micro-batch, and its gradient.
struct RelativePositionBias {
    let bias: EncoderArchitecture.RelativeBias
    let heads: Int
    /// Floats of a head, whose root the scores are divided by after the bias has been added.
    let headSize: Int
    /// (buckets, heads).
    let table: UnsafePointer<Float>

    /// What the layers read and add to.
    struct Activations {
        /// (2 longest - 1): the bucket of each distance.
        var buckets: UnsafeMutablePointer<Int32>
        /// (heads, 2 longest - 1), see ``ScoreBias``.
        var vectors: UnsafeMutablePointer<Float>
        /// The same; nil where the table is not trained.
        var gradient: UnsafeMutablePointer<Float>?
        var longest: Int
    }

    /// Lays out the memory for sequences of up to `longest` tokens.
    static func layOut(_ workspace: Workspace, longest: Int, heads: Int, training: Bool) -> Activations {
        let width = 2 * longest - 1
        return Activations(
            buckets: workspace.integers(width), vectors: workspace.floats(heads * width),
            gradient: training ? workspace.floats(heads * width) : nil, longest: longest)
    }

    /// Spreads the table out, and clears its gradient.
    func forward(_ saved: Activations) {
        let width = 2 * saved.longest - 1
        let scale = Float(headSize).squareRoot()
        for d in 0..<width {
            let bucket = Self.bucket(
                d - saved.longest + 1, buckets: bias.buckets, maxDistance: bias.maxDistance)
            saved.buckets[d] = Int32(bucket)
            for head in 0..<heads { saved.vectors[head * width + d] = table[bucket * heads + head] * scale }
        }
        saved.gradient?.update(repeating: 0, count: heads * width)
    }

    /// Adds the gradient of the table to `gradient` (buckets, heads), distances in ascending order.
    func backward(_ saved: Activations, addingTo gradient: UnsafeMutablePointer<Float>) {
        guard let sums = saved.gradient else { return }
        let width = 2 * saved.longest - 1
        let scale = Float(headSize).squareRoot()
        for head in 0..<heads {
            for d in 0..<width {
                gradient[Int(saved.buckets[d]) * heads + head] += sums[head * width + d] * scale
            }
        }
    }

    /// The bucket of a key that stands `distance` tokens after its query (before it, if negative): one for each of the
    /// shortest distances, the longer ones in steps that grow (Raffel et al. 2020, in the form of MPNet).
    static func bucket(_ distance: Int, buckets: Int, maxDistance: Int) -> Int {
        let half = buckets / 2
        let exact = half / 2
        let far = abs(distance)
        let side = distance > 0 ? half : 0
        if far < exact { return side + far }
        // In float32, as in the reference: at the borders of buckets every rounding counts.
        let steps = logf(Float(far) / Float(exact)) / Float(log(Double(maxDistance) / Double(exact)))
        return side + min(exact + Int(steps * Float(half - exact)), half - 1)
    }
}
