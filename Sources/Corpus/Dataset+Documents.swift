import Numerics

/// Texts without labels.
extension Dataset {
    /// All texts, those of a pair one after the other.
    public var texts: [String] { examples.flatMap { [$0.text] + ($0.pair.map { [$0] } ?? []) } }

    /// Two parts, of which the second has this share of the examples, at least one; drawn by `seed`, in the order of
    /// the file. Nil where there are fewer than two examples.
    public func holdingOut(_ share: Double, seed: UInt64) -> (rest: Dataset, heldOut: Dataset)? {
        guard examples.count >= 2 else { return nil }
        var random = PhiloxStream(seed: seed, purpose: .split)
        var order = Array(examples.indices)
        random.shuffle(&order)
        let count = min(examples.count - 1, max(1, Int((Double(examples.count) * share).rounded())))
        let drawn = Set(order.prefix(count))
        func part(_ isHeldOut: Bool) -> Dataset {
            let kept = examples.indices.filter { drawn.contains($0) == isHeldOut }.map { examples[$0] }
            return Dataset(path: path, labels: labels, examples: kept, columns: columns)
        }
        return (part(false), part(true))
    }
}
