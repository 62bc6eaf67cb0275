import Support

/// A file with a weight for each class: of a format of data files, with the columns (or keys) `label` and `weight`.
public enum ClassWeightFile {
    /// Reads the weights of `labels`, in their order.
    ///
    /// - Parameter allowed: What a weight may be, besides 0.
    /// - Throws: An error that names the file, the line, and what to do.
    public static func read(
        _ path: String, labels: [String], allowed: ClosedRange<Double>
    ) throws(FileError) -> [Double] {
        var weights = [Double?](repeating: nil, count: labels.count)
        let numbers = Dictionary(labels.enumerated().map { ($1, $0) }) { first, _ in first }
        let columns = ColumnNames(text: "weight", label: "label")
        try DatasetReader.forEach(path, options: .init(columns: columns)) { record throws(FileError) in
            guard case .text(let name) = record.label else {
                throw FileError(path, line: record.line, "the label is no text; give the name of one class")
            }
            guard let number = numbers[name] else {
                throw FileError(
                    path, line: record.line,
                    "there is no class \(quoted(name)) in the training set (\(listed(labels)))"
                        + ClassNames.hint(name, among: labels))
            }
            guard weights[number] == nil else {
                throw FileError(path, line: record.line, "the class \(quoted(name)) has a weight already; remove one")
            }
            guard let weight = Double(record.text), weight == 0 || allowed.contains(weight) else {
                throw FileError(
                    path, line: record.line,
                    "the weight \(quoted(record.text)) is not 0, nor a number from \(allowed.lowerBound) to "
                        + "\(allowed.upperBound)")
            }
            weights[number] = weight
        }
        let missing = labels.indices.filter { weights[$0] == nil }.map { labels[$0] }
        guard missing.isEmpty else {
            throw FileError(path, "no weight for \(listed(missing)); add one for each class")
        }
        guard weights.contains(where: { $0 != 0 }) else {
            throw FileError(path, "all weights are 0: there is nothing to learn")
        }
        return weights.compactMap { $0 }
    }
}
