extension Dataset {
    /// Classes with at least one but fewer than `minimum` examples, in the order of the labels.
    public func rareClasses(below minimum: Int) -> [(name: String, count: Int)] {
        zip(labels, classCounts).filter { $1 < minimum && $1 > 0 }.map { (name: $0, count: $1) }
    }

    /// The data set without the classes of these names and their examples; the others keep their order.
    public func without(classes names: Set<String>) -> Dataset {
        var renumbered = [Int32?](repeating: nil, count: labels.count)
        var kept: [String] = []
        for (i, label) in labels.enumerated() where !names.contains(label) {
            renumbered[i] = Int32(kept.count)
            kept.append(label)
        }
        let rest = examples.compactMap { example -> Example? in
            guard let label = example.classNumber else { return example }
            guard let number = renumbered[Int(label)] else { return nil }
            var example = example
            example.label = .one(number)
            return example
        }
        return Dataset(path: path, labels: kept, examples: rest, columns: columns)
    }
}
