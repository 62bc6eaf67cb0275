import Support

/// Names of classes, judged and shown.
enum ClassNames {
    /// A class with its examples.
    typealias Counted = (name: String, count: Int)

    /// Classes with their counts for people, most of them where there are many.
    static func counted(_ classes: [Counted], limit: Int = 12) -> String {
        let head = classes.prefix(limit).map { "\(shown($0.name)) \(grouped($0.count))" }.joined(separator: ", ")
        return classes.count > limit ? "\(head) and \(grouped(classes.count - limit)) more" : head
    }

    /// A class name in a list: in quotes only where one would not see what belongs to it.
    static func shown(_ name: String) -> String {
        let isPlain = name.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || $0.properties.numericType != nil || "_-.+/".unicodeScalars.contains($0)
        }
        return isPlain && !name.isEmpty && name.utf8.count <= 40 ? name : "\"\(name.printable(limit: 60))\""
    }

    /// A name without what makes two classes of one by mistake: case, white space, invisible characters, and how a
    /// number is written.
    static func folded(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            if scalar.properties.isWhitespace {
                if result.last != " " { result.append(" ") }
            } else if scalar.properties.generalCategory != .format, scalar.properties.generalCategory != .control {
                result.unicodeScalars.append(scalar)
            }
        }
        result = result.lowercased()
        while result.first == " " { result.removeFirst() }
        while result.last == " " { result.removeLast() }
        // Large integers differ where the nearest doubles do not.
        if let number = Int(result) { return "\(number)" }
        if let number = Double(result), number.isFinite {
            return Int(exactly: number).map { "\($0)" } ?? "\(number)"
        }
        return result
    }

    /// Groups of classes that would be one but for case, blanks or how a number is written.
    static func lookalikes(_ names: [String]) -> [[Int]] {
        Dictionary(grouping: names.indices, by: { folded(names[$0]) }).values.filter { $0.count > 1 }
            .sorted { $0[0] < $1[0] }
    }

    /// Names that say that a label is missing, as programs write it.
    private static let missing: Set<String> = [
        "nan", "none", "null", "n/a", "na", "<na>", "#n/a", "nil", "nat", "empty", "(empty)", "undefined", "missing",
        "unlabeled", "unlabelled", "-", "?", "",
    ]

    /// Whether a name says that there is no label.
    static func saysMissing(_ name: String) -> Bool {
        missing.contains(name.lowercased().filter { !$0.isWhitespace }) || folded(name).isEmpty
    }

    /// Whether a name begins or ends with white space, as where blanks follow the commas of a file.
    static func hasBlankEdge(_ name: String) -> Bool {
        name.first?.isWhitespace == true || name.last?.isWhitespace == true
    }

    /// Whether a name is a number with decimals that are not all zero: a measurement rather than a class.
    static func isFraction(_ name: String) -> Bool {
        guard let number = Double(name), number.isFinite else { return false }
        return number != number.rounded()
    }

    /// Whether a name holds several: a list as Python and JSON write it, or names of which others are classes too, with
    /// `|`, `;` or `,` between them.
    static func isList(_ name: String, among names: [String]) -> Bool {
        if name.first == "[", name.last == "]" { return true }
        for separator in ["|", ";", ","] as [Character] where name.contains(separator) {
            let parts = name.split(separator: separator).map { folded(String($0)) }
            if parts.count > 1, names.contains(where: { $0 != name && parts.contains(folded($0)) }) { return true }
        }
        return false
    }

    /// What to add where a name is not known: ", but differs from … only in …" if there is such a class.
    static func hint(_ name: String, among known: [String]) -> String {
        let key = folded(name)
        guard let other = known.first(where: { folded($0) == key }) else { return "" }
        return ", but differs from \(quoted(other)) only in case, blanks or how the number is written"
    }
}

/// A count for people, with a comma every three digits.
public func grouped(_ count: Int) -> String {
    var digits = Array("\(count)")
    var position = digits.count - 3
    while position > 0, digits[position - 1] != "-" {
        digits.insert(",", at: position)
        position -= 3
    }
    return String(digits)
}

/// One or many of something: "1 text", "1,200 texts".
func plural(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(grouped(count)) \(count == 1 ? one : many ?? one + "s")"
}
