import FewShot
import Foundation

/// What scikit-learn and SciPy find, by `Fixtures/generate_methods.py`.
struct Reference: Decodable {
    struct Regression: Decodable {
        var c: Double
        var coefficients: [Double]
        var intercept: [Double]
        var mean: [Double]?
    }
    struct Discriminant: Decodable {
        var shrinkage: Double
        var coefficients: [Double]
        var bias: [Double]
    }
    struct Lexical: Decodable {
        var texts: [String]
        var terms: [String]
        var idf: [Double]
        var rows: [Double]
        var targets: [Double]
        var weights: [Double]
        var coefficients: [Double]
        var intercept: [Double]
        var unseen: [Double]
    }

    var rows: Int
    var width: Int
    var classes: Int
    var features: [Double]
    var labels: [Int]
    var weights: [Double]
    var regressions: [Regression]
    var weighted: Regression
    var prior: Regression
    var discriminant: Discriminant
    var lexical: Lexical

    static let shared: Reference = {
        let url = Bundle.module.url(forResource: "Fixtures/methods", withExtension: "json")
        guard let url, let data = try? Data(contentsOf: url),
            let reference = try? JSONDecoder().decode(Reference.self, from: data)
        else { preconditionFailure("the fixture methods.json cannot be read") }
        return reference
    }()

    var matrix: FeatureMatrix { FeatureMatrix(rows: rows, width: width, values: features.map { Float($0) }) }
}

/// The largest difference of two lists.
func difference(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

/// Less their mean: what a shift of all biases, which changes nothing, leaves.
func centred(_ values: [Float]) -> [Double] {
    let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
    return values.map { Double($0) - mean }
}
