/// Numbers class names as they come, and puts them in order at the end.
struct LabelIndex {
    private var numbers: [String: Int32] = [:]
    private(set) var names: [String] = []
    private let isClosed: Bool

    /// Open to new names, or closed over `known` ones.
    init(known: [String]?) {
        isClosed = known != nil
        for name in known ?? [] { add(name) }
    }

    private mutating func add(_ name: String) {
        if numbers[name] == nil {
            numbers[name] = Int32(names.count)
            names.append(name)
        }
    }

    /// The number of a name; nil for one that is not known where that matters.
    mutating func number(of name: String) -> Int32? {
        if let number = numbers[name] { return number }
        if isClosed { return nil }
        add(name)
        return numbers[name]
    }

    /// The names in their final order, and the final number of each provisional one: by value if all are integers, else
    /// by Unicode code points. A closed index keeps its order.
    func ordered() -> (names: [String], renumbered: [Int32]) {
        guard !isClosed else { return (names, names.indices.map { Int32($0) }) }
        let values = names.map { Int($0) }
        let order: [Int]
        if values.allSatisfy({ $0 != nil }) {
            order = names.indices.sorted { (values[$0] ?? 0, names[$0]) < (values[$1] ?? 0, names[$1]) }
        } else {
            order = names.indices.sorted {
                names[$0].unicodeScalars.lexicographicallyPrecedes(names[$1].unicodeScalars)
            }
        }
        var renumbered = [Int32](repeating: 0, count: names.count)
        for (final, provisional) in order.enumerated() { renumbered[provisional] = Int32(final) }
        return (order.map { names[$0] }, renumbered)
    }
}
