import FewShot
import Foundation
import Modeling
import Support

extension PooledClassifier {
    /// What logits may be divided by, and words' scores be multiplied with.
    private static let temperatures = 1e-6...1e6
    /// What terms may count for beside embeddings, whose logits count for 1.
    private static let lexicalWeights = 0...1e3
    /// Windows that a file may ask for.
    private static let mostWindows = 1000

    /// The file's contents.
    private struct Stored: Codable {
        var windows: Int
        var temperature: Double
        var lexical: Lexical?
        var outOfScope: OutOfScope?

        enum CodingKeys: String, CodingKey {
            case windows, temperature, lexical
            case outOfScope = "out_of_scope"
        }

        struct Lexical: Codable {
            var terms: [String]
            /// As many doubles, little-endian; JSON has them in base 64.
            var termWeights: Data
            /// (classes, terms).
            var weights: Data
            /// (classes).
            var bias: Data
            var weight: Double
            var scale: Double

            enum CodingKeys: String, CodingKey {
                case terms, weights, bias, weight, scale
                case termWeights = "term_weights"
            }
        }

        /// ``OutOfScopeScore``.
        struct OutOfScope: Codable {
            /// (classes, width) 32-bit floats, little-endian; JSON has them in base 64.
            var centres: Data
            /// (classes, width), the same.
            var weights: Data
            /// (classes), the same.
            var bias: Data
            /// Mean and standard deviation.
            var distance: [Double]
            /// Mean and standard deviation.
            var energy: [Double]
            var median: Double
            var threshold: Double
        }
    }

    /// Reads what the folder of a model has; without the file, one window and nothing else.
    ///
    /// - Throws: An error that names the file.
    public init(_ folder: ModelFolder) throws(FileError) {
        self.init(classes: folder.configuration.labels.count)
        let path = joinedPath(folder.path, Self.fileName)
        func refusal(_ why: String) -> FileError { FileError(path, "\(why); write the model again") }
        try folder.configuration.requireCompanion(path: path)
        guard try PathKind(path) == .file else { return }
        let file = try MappedFile(path: path)
        guard let stored = try? file.withBytes({ try JSONDecoder().decode(Stored.self, from: Data($0)) }) else {
            throw refusal("is not what a classifier on embeddings has beside its weights")
        }
        guard (1...Self.mostWindows).contains(stored.windows) else {
            throw refusal("windows is \(stored.windows), must be 1 to \(Self.mostWindows)")
        }
        guard Self.temperatures.contains(stored.temperature) else {
            throw refusal("temperature is \(stored.temperature), must be above 0 and below a million")
        }
        (windows, temperature) = (stored.windows, stored.temperature)
        if let lexical = stored.lexical {
            guard let read = Self.lexical(lexical, classes: classes) else {
                throw refusal("its part for terms does not fit the \(classes) classes of config.json")
            }
            self.lexical = read
        }
        if let outOfScope = stored.outOfScope {
            let width = folder.configuration.encoder.hidden
            guard let read = Self.outOfScope(outOfScope, classes: classes, width: width) else {
                throw refusal(
                    "its part for texts out of scope does not fit the \(classes) classes and the \(width) numbers of an "
                        + "embedding that config.json has")
            }
            self.outOfScope = read
        }
    }

    private static func lexical(_ stored: Stored.Lexical, classes: Int) -> TwoViews.Lexical? {
        let (termWeights, weights) = (numbers(stored.termWeights), numbers(stored.weights))
        let (bias, count) = (numbers(stored.bias), stored.terms.count)
        guard termWeights.count == count, bias.count == classes, weights.count == classes * count,
            (termWeights + weights + bias + [stored.weight, stored.scale]).allSatisfy(\.isFinite),
            lexicalWeights.contains(stored.weight), temperatures.contains(stored.scale)
        else { return nil }
        return TwoViews.Lexical(
            view: LexicalView(terms: stored.terms, weights: termWeights),
            ridge: RidgeRegression.Solution(weights: weights, bias: bias, columns: count), weight: stored.weight,
            scale: stored.scale)
    }

    private static func outOfScope(_ stored: Stored.OutOfScope, classes: Int, width: Int) -> OutOfScopeScore? {
        let (centres, weights, bias) = (floats(stored.centres), floats(stored.weights), floats(stored.bias))
        guard classes > 0, centres.count == classes * width, weights.count == classes * width, bias.count == classes,
            (centres + weights + bias).allSatisfy(\.isFinite)
        else { return nil }
        let scales = [stored.distance, stored.energy].compactMap { pair -> OutOfScopeScore.Scale? in
            guard pair.count == 2, pair.allSatisfy(\.isFinite), pair[1] > 0 else { return nil }
            return OutOfScopeScore.Scale(mean: pair[0], deviation: pair[1])
        }
        guard scales.count == 2, stored.median.isFinite, stored.threshold.isFinite, stored.threshold > stored.median
        else { return nil }
        return OutOfScopeScore(
            centres: FeatureMatrix(rows: classes, width: width, values: centres),
            regression: LinearClassifier(classes: classes, width: width, weights: weights, bias: bias),
            distance: scales[0], energy: scales[1], median: stored.median, threshold: stored.threshold)
    }

    /// The contents of the file, the same bytes for the same classifier.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        let stored = Stored(
            windows: windows, temperature: temperature,
            lexical: lexical.map {
                Stored.Lexical(
                    terms: $0.view.terms, termWeights: Self.data($0.view.weights), weights: Self.data($0.ridge.weights),
                    bias: Self.data($0.ridge.bias), weight: $0.weight, scale: $0.scale)
            },
            outOfScope: outOfScope.map {
                Stored.OutOfScope(
                    centres: Self.data($0.centres.values), weights: Self.data($0.regression.weights),
                    bias: Self.data($0.regression.bias), distance: [$0.distance.mean, $0.distance.deviation],
                    energy: [$0.energy.mean, $0.energy.deviation], median: $0.median, threshold: $0.threshold)
            })
        return try encoder.encode(stored)
    }

    private static func data(_ numbers: [Double]) -> Data {
        var data = Data(capacity: 8 * numbers.count)
        for number in numbers {
            withUnsafeBytes(of: number.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        return data
    }

    private static func data(_ numbers: [Float]) -> Data {
        var data = Data(capacity: 4 * numbers.count)
        for number in numbers {
            withUnsafeBytes(of: number.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        return data
    }

    private static func numbers(_ data: Data) -> [Double] {
        guard data.count % 8 == 0 else { return [.nan] }
        return data.withUnsafeBytes { bytes in
            (0..<(bytes.count / 8)).map {
                Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
            }
        }
    }

    private static func floats(_ data: Data) -> [Float] {
        guard data.count % 4 == 0 else { return [.nan] }
        return data.withUnsafeBytes { bytes in
            (0..<(bytes.count / 4)).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }
}
