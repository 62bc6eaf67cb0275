import FewShot
import Foundation
import Modeling
import Support

extension PooledClassifier {
    /// Windows that a file may ask for.
    private static let mostWindows = 1000

    /// The file's contents.
    private struct Stored: Codable {
        var windows: Int
        var temperature: Double
        var lexical: Lexical?

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
    }

    /// Reads what the folder of a model has; without the file, one window and nothing else.
    ///
    /// - Throws: An error that names the file.
    init(_ folder: ModelFolder) throws(FileError) {
        self.init(classes: folder.configuration.labels.count)
        let path = joinedPath(folder.path, Self.fileName)
        guard try PathKind(path) == .file else { return }
        let file = try MappedFile(path: path)
        func refusal(_ why: String) -> FileError { FileError(path, "\(why); write the model again") }
        guard let stored = try? file.withBytes({ try JSONDecoder().decode(Stored.self, from: Data($0)) }) else {
            throw refusal("is not what a classifier on embeddings has beside its weights")
        }
        guard (1...Self.mostWindows).contains(stored.windows) else {
            throw refusal("windows is \(stored.windows), must be 1 to \(Self.mostWindows)")
        }
        guard stored.temperature.isFinite, stored.temperature > 0 else {
            throw refusal("temperature is \(stored.temperature), must be above 0")
        }
        (windows, temperature) = (stored.windows, stored.temperature)
        guard let lexical = stored.lexical else { return }
        let (termWeights, weights) = (Self.numbers(lexical.termWeights), Self.numbers(lexical.weights))
        let (bias, count) = (Self.numbers(lexical.bias), lexical.terms.count)
        guard termWeights.count == count, bias.count == classes, weights.count == classes * count,
            (termWeights + weights + bias + [lexical.weight, lexical.scale]).allSatisfy(\.isFinite), lexical.weight >= 0
        else { throw refusal("its part for terms does not fit the \(classes) classes of config.json") }
        self.lexical = TwoViews.Lexical(
            view: LexicalView(terms: lexical.terms, weights: termWeights),
            ridge: RidgeRegression.Solution(weights: weights, bias: bias, columns: count), weight: lexical.weight,
            scale: lexical.scale)
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

    private static func numbers(_ data: Data) -> [Double] {
        guard data.count % 8 == 0 else { return [.nan] }
        return data.withUnsafeBytes { bytes in
            (0..<(bytes.count / 8)).map {
                Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
            }
        }
    }
}
