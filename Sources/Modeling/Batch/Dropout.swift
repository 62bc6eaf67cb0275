import CKernels
import Numerics

/// A dropout probability, in 65,536ths, and what kept elements are multiplied by.
public struct DropoutRate: Sendable, Equatable {
    /// An element is dropped where its 16 random bits are below this.
    let threshold: UInt32
    /// 1 / (1 - p), for the p that the threshold really gives.
    let scale: Float

    /// The nearest rate to `probability`, which lies in 0..<1.
    public init(_ probability: Float) {
        threshold = UInt32(min(max(probability, 0), 0.9999) * 65536 + 0.5)
        scale = 65536 / Float(65536 - threshold)
    }

    /// Whether nothing is dropped.
    var isZero: Bool { threshold == 0 }
}

/// All that decides the dropout masks of a step: a pure function of (seed, step, sample, site), so that it does not
/// matter who computes a micro-batch.
public struct DropoutPlan: Sendable {
    /// The run's seed.
    let seed: UInt64
    /// The step, from 0.
    let step: UInt64
    /// After the embeddings, the attention output and the feed-forward output.
    let hidden: DropoutRate
    /// On the attention probabilities.
    let attention: DropoutRate
    /// Within the head.
    let head: DropoutRate
    /// On the input of adapters.
    let adapter: DropoutRate

    /// The masks of `step` under `seed`.
    public init(
        seed: UInt64, step: UInt64, hidden: DropoutRate, attention: DropoutRate, head: DropoutRate,
        adapter: DropoutRate = DropoutRate(0)
    ) {
        self.seed = seed
        self.step = step
        self.hidden = hidden
        self.attention = attention
        self.head = head
        self.adapter = adapter
    }

    /// Places of the model that draw a mask of their own. Part of what makes a run repeatable: never renumber them.
    enum Site {
        case embeddings
        case attention(layer: Int)
        case attentionOutput(layer: Int)
        case output(layer: Int)
        case classifier
        case classifierInput
        case adapter(layer: Int, target: LowRankAdapter.Target)

        var number: UInt32 {
            switch self {
            case .embeddings: 0
            case .attention(let layer): UInt32(1 + 3 * layer)
            case .attentionOutput(let layer): UInt32(2 + 3 * layer)
            case .output(let layer): UInt32(3 + 3 * layer)
            case .classifier: 0xffff
            case .classifierInput: 0xfffe
            // Layers have numbers below 1000, so these are from 0x4000 to 0x576f.
            case .adapter(let layer, let target): UInt32(0x4000 + 6 * layer) + target.site
            }
        }
    }

    /// Writes the mask of `count` rows of one sample, from its row `firstRow` on. A row has `width` elements in
    /// `maskStride(width)` bytes, 1 for kept.
    func mask(
        _ keep: UnsafeMutablePointer<UInt8>, rate: DropoutRate, site: Site, sample: UInt32, firstRow: Int, rows: Int,
        width: Int
    ) {
        let blocks = maskStride(width) / 8
        shoal_dropout_keep(
            keep, rows * blocks, UInt32(truncatingIfNeeded: firstRow * blocks), sample,
            RandomPurpose.dropout.rawValue << 16 | site.number, UInt32(truncatingIfNeeded: step),
            UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32), rate.threshold)
    }
}

/// Bytes from one row of a mask to the next: rows begin at whole Philox blocks, so that any row can be drawn alone.
func maskStride(_ width: Int) -> Int { (width + 7) / 8 * 8 }
