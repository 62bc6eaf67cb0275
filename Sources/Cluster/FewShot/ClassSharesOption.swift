import Foundation
import Support

/// What `--class-shares` says: how often each class occurs among texts without labels.
struct ClassSharesOption: Equatable {
    /// By class; they sum to 1.
    var values: [Double]

    /// What shares that sum to 1 may be off by, as people round.
    private static let tolerance = 0.02

    /// Reads `equal`, or `label=share` for each class, separated by commas.
    ///
    /// - Parameter labels: The classes.
    /// - Throws: An error that says which share is wrong.
    init(_ text: String, labels: [String]) throws(ConfigurationError) {
        func refusal(_ need: String) -> ConfigurationError { .invalid("class-shares", value: text, need: need) }
        if text == "equal" {
            values = labels.map { _ in 1 / Double(labels.count) }
            return
        }
        var shares = [Double?](repeating: nil, count: labels.count)
        for part in text.split(separator: ",") {
            guard let equals = part.lastIndex(of: "="), let share = Double(part[part.index(after: equals)...]),
                (0...1).contains(share)
            else {
                throw refusal("equal, or LABEL=SHARE for each class, separated by commas, such as spam=0.2,other=0.8")
            }
            let label = part[..<equals].trimmingCharacters(in: .whitespaces)
            guard let number = labels.firstIndex(of: label) else {
                throw refusal("shares of the training set's classes; \(quoted(label)) is none of them")
            }
            guard shares[number] == nil else { throw refusal("one share of each class; \(quoted(label)) has two") }
            shares[number] = share
        }
        if let missing = shares.firstIndex(where: { $0 == nil }) {
            throw refusal("a share of each class; \(quoted(labels[missing])) has none")
        }
        let known = shares.compactMap { $0 }
        let sum = known.reduce(0, +)
        guard abs(sum - 1) <= Self.tolerance else {
            throw refusal("shares that sum to 1; these sum to \(String(format: "%.3g", sum))")
        }
        values = known.map { $0 / sum }
    }
}
