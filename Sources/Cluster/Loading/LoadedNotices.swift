import Support
import Modeling

extension WeightLoader.Loaded {
    /// Lines about what of the model is new, and what of the folder was not used.
    func notices(labels: [String], of directory: ModelFolder) -> [String] {
        var lines: [String] = []
        let hasNewPooler = drawn.contains { $0.hasPrefix("bert.pooler.") }
        let hasNewHead = drawn.contains { $0.hasPrefix("classifier.") }
        let path = directory.path.printable()
        let pooler = "\(path) has no pooler: it is drawn anew"
        if keptLabels.isEmpty {
            if hasNewHead {
                let why =
                    unused.contains { $0.hasPrefix("classifier.") } ? "a classifier for other labels" : "no classifier"
                lines.append(
                    "\(path) has \(why): it is drawn anew"
                        + (hasNewPooler ? ", and so is the pooler, which it lacks" : ""))
            } else if hasNewPooler {
                lines.append(pooler)
            }
        } else {
            let kept = keptLabels.map { labels[$0] }
            let new = labels.indices.filter { !keptLabels.contains($0) }.map { labels[$0] }
            lines.append(
                "the classifier goes on from that of \(path), its rows matched by label (\(Self.listed(kept)))"
                    + (new.isEmpty ? "" : "; drawn anew: \(Self.listed(new))"))
            if hasNewPooler { lines.append(pooler) }
        }
        let rest = unused.filter { !$0.hasPrefix("classifier.") }
        if let first = rest.first {
            lines.append(
                "\(path): not used: \(rest.count) \(rest.count == 1 ? "tensor" : "tensors, such as") "
                    + first.printable(limit: 80))
        }
        return lines
    }

    private static func listed(_ labels: [String]) -> String {
        let head = labels.prefix(5).map { $0.printable(limit: 40) }.joined(separator: ", ")
        return labels.count > 5 ? "\(head) and \(labels.count - 5) more" : head
    }
}
