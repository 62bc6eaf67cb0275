/// Which label of a model is meant by a label of a data file.
public enum LabelMatch {
    /// For each of `labels` the number of the model's label of the same name; nil where there is none.
    ///
    /// `LABEL_3`, the name that `transformers` gives where none was chosen, also matches "3", and the other way
    /// round, where neither has a match of the same name.
    public static func rows(of labels: [String], among known: [String]) -> [Int?] {
        var numbers: [String: Int] = [:]
        for (number, label) in known.enumerated() where numbers[label] == nil { numbers[label] = number }
        var rows = labels.map { numbers[$0] }
        var taken = Set(rows.compactMap { $0 })
        for (place, label) in labels.enumerated() where rows[place] == nil {
            guard let other = otherName(label), let row = numbers[other], taken.insert(row).inserted else { continue }
            rows[place] = row
        }
        return rows
    }

    private static let prefix = "LABEL_"

    /// "LABEL_3" for "3", and the other way round; nil for anything else.
    private static func otherName(_ label: String) -> String? {
        if label.hasPrefix(prefix) {
            let digits = String(label.dropFirst(prefix.count))
            return Int(digits).map(String.init) == digits ? digits : nil
        }
        return Int(label).map(String.init) == label ? prefix + label : nil
    }
}
