import Foundation

/// Texts as weights of the terms that they have: tf-idf, with the logarithm of counts (Salton and Buckley,
/// "Term-weighting approaches in automatic text retrieval", 1988), in scikit-learn's form.
///
/// Of a text with n of a term the weight is (1 + ln n) (ln((1 + texts) / (1 + texts with the term)) + 1); rows have
/// length 1. Terms that the texts of ``init(fitting:)`` do not have count for nothing.
public struct LexicalView: Sendable, Equatable {
    /// Terms in the order of their columns.
    public let terms: [String]
    /// What each term's logarithm of the count is multiplied by.
    public let weights: [Double]
    private let columns: [String: Int]

    /// A sparse row: columns in ascending order, with their values.
    public struct Row: Sendable, Equatable {
        /// Columns.
        public var columns: [Int32]
        /// As many values.
        public var values: [Double]
    }

    /// The view of these terms.
    public init(terms: [String], weights: [Double]) {
        precondition(terms.count == weights.count)
        self.terms = terms
        self.weights = weights
        columns = Dictionary(terms.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The view of all terms of these texts.
    ///
    /// - Parameter texts: The terms of each, see ``LexicalTerms``.
    public init(fitting texts: [[String]]) {
        var counts: [String: Int] = [:]
        for text in texts { for term in Set(text) { counts[term, default: 0] += 1 } }
        let terms = counts.keys.sorted()
        self.init(
            terms: terms,
            weights: terms.map { log(Double(1 + texts.count) / Double(1 + (counts[$0] ?? 0))) + 1 })
    }

    /// The row of a text.
    public func row(_ text: [String]) -> Row {
        var counts: [Int: Int] = [:]
        for term in text { if let column = columns[term] { counts[column, default: 0] += 1 } }
        let sorted = counts.sorted { $0.key < $1.key }
        var values = sorted.map { (1 + log(Double($0.value))) * weights[$0.key] }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        if length > 0 { for i in values.indices { values[i] /= length } }
        return Row(columns: sorted.map { Int32($0.key) }, values: values)
    }
}
