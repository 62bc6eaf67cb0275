import Numerics

/// What is added to the scores of a layer's attention before the softmax: a bias by the distance of key and query, and
/// far below everything where a key is outside of the window.
///
/// The scores are laid out with it, and the product of queries and keys is added to that: no pass of its own.
struct ScoreBias {
    /// (heads, 2 longest - 1): what a head adds at key - query = d stands at d + longest - 1, over the scale of the
    /// scores. Nil for nothing.
    var vectors: UnsafeMutablePointer<Float>?
    /// The gradient of the biases by the scores, summed over all layers, sequences and queries; nil where none is asked
    /// for.
    var gradient: UnsafeMutablePointer<Float>?
    /// The most tokens of a sequence of the micro-batch.
    var longest: Int
    /// The most places between a query and a key that counts; nil for any.
    var window: Int?
    /// The place of each query in its sequence, by its row.
    var positions: UnsafePointer<Int32>

    /// The softmax makes zero of it, and adding a score does not change it.
    private static let excluded: Float = -1e30

    private var width: Int { 2 * longest - 1 }

    /// Whether anything is added to the scores of a sequence of so many tokens.
    func changes(length: Int) -> Bool {
        if vectors != nil { return true }
        guard let window else { return false }
        return window < length - 1
    }

    /// Lays out the scores of `count` queries from row `row` on, (count, length).
    func fill(_ scores: UnsafeMutablePointer<Float>, head: Int, row: Int, count: Int, length: Int) {
        for r in 0..<count {
            let (position, out) = (Int(positions[row + r]), scores + r * length)
            if let vectors {
                out.update(from: vectors + head * width + longest - 1 - position, count: length)
            } else {
                out.update(repeating: 0, count: length)
            }
            guard let window else { continue }
            let first = max(0, position - window)
            let end = min(length, position + window + 1)
            out.update(repeating: Self.excluded, count: first)
            (out + end).update(repeating: Self.excluded, count: length - end)
        }
    }

    /// Adds the gradient of scores, (count, length), to that of the biases.
    func add<Element: ComputeElement>(
        _ gradients: UnsafePointer<Element>, head: Int, row: Int, count: Int, length: Int
    ) {
        guard let gradient else { return }
        for r in 0..<count {
            let position = Int(positions[row + r])
            Element.add(gradient + head * width + longest - 1 - position, gradients + r * length, length)
        }
    }
}
