import Foundation

/// The outputs of examples themselves, row after row, for what is computed from all of them at once.
public struct CollectedOutputs: MetricAccumulator, Equatable {
    /// There is no metric but the loss.
    public static var primary: MetricKind { .loss }
    /// Four bytes in base 64.
    public static var bytesPerOutput: Int { 6 }

    /// Floats of a row.
    public let width: Int
    /// (examples, width), as little-endian 32-bit floats.
    private var bytes = Data()

    /// Of no outputs yet.
    public init(width: Int) { self.width = width }

    /// Of outputs that were collected before.
    ///
    /// - Parameter values: (examples, width).
    public init(width: Int, values: [Float]) {
        precondition(width > 0 && values.count.isMultiple(of: width))
        self.width = width
        for value in values { append(value) }
    }

    /// Adds the rows of a batch.
    public mutating func add(_ batch: EvaluatedBatch) {
        for row in 0..<batch.outputs.rows {
            for value in batch.outputs.row(row) { append(value) }
        }
    }

    private mutating func append(_ value: Float) {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends the rows of `other`.
    public mutating func merge(_ other: CollectedOutputs) { bytes.append(other.bytes) }

    /// Checks that there is a row of finite numbers for each example.
    public func validate(examples: Int, like empty: CollectedOutputs) throws(ModelError) {
        guard width == empty.width, bytes.count == 4 * width * examples, values.allSatisfy(\.isFinite) else {
            throw .invalidBatch("\(bytes.count) bytes of outputs, \(width) numbers each, for \(examples) examples")
        }
    }

    /// (examples, width).
    public var values: [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<(bytes.count / 4)).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }

    /// Their number alone.
    public func report(examples: Int, loss: Double, labels: [String]) -> MetricReport {
        MetricReport(examples: examples, loss: loss, values: [], primary: .loss)
    }
}
