import Modeling
import Support

extension WeightLoader.Loaded {
    /// Lines about what of the model is new, and what of the folder was not used.
    func notices(labels: [String], head: any Head, of directory: ModelFolder) -> [String] {
        var lines: [String] = []
        // The linear layers of the head that are new, but for the classifier.
        var layers: [String] = []
        var hasNewClassifier = false
        for case .head(let name, _) in drawn {
            if name == head.labelLinear {
                hasNewClassifier = true
            } else if !layers.contains(name) {
                layers.append(name)
            }
        }
        let path = directory.path.printable()
        if !keptLabels.isEmpty {
            let kept = keptLabels.map { labels[$0] }
            let new = labels.indices.filter { !keptLabels.contains($0) }.map { labels[$0] }
            lines.append(
                "the classifier goes on from that of \(path), its rows matched by label (\(Self.listed(kept)))"
                    + (new.isEmpty ? "" : "; drawn anew: \(Self.listed(new))"))
        }
        if keptLabels.isEmpty, hasNewClassifier {
            let what = replaced.isEmpty ? "no classifier" : "a classifier for other labels"
            lines.append(
                "\(path) has \(what): it is drawn anew"
                    + layers.map { ", and so is the \($0), which it lacks" }.joined())
        } else if layers.contains(where: { $0.hasPrefix("predictions.") }) {
            lines.append("\(path) has no head for masked tokens: it is drawn anew")
        } else {
            lines += layers.map { "\(path) has no \($0): it is drawn anew" }
        }
        if let first = unused.first {
            lines.append(
                "\(path): not used: \(unused.count) \(unused.count == 1 ? "tensor" : "tensors, such as") "
                    + first.name.printable(limit: 80))
        }
        return lines
    }

    private static func listed(_ labels: [String]) -> String {
        let head = labels.prefix(5).map { $0.printable(limit: 40) }.joined(separator: ", ")
        return labels.count > 5 ? "\(head) and \(labels.count - 5) more" : head
    }
}
