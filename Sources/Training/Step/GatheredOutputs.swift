import Modeling
import Numerics

/// The outputs and targets of micro-batches, as ranks exchange them for a loss over the whole step.
///
/// Of each micro-batch, in their order, little-endian:
///
/// | bytes | type | what |
/// |---|---|---|
/// | 0-3 | `u32` | S, its sequences |
/// | 4-7 | `u32` | F, the floats of its outputs |
/// | 8 | `u8` | its targets: 0 none, 1 classes, 2 values |
/// | then | `i32` | the class of each sequence, if there are classes |
/// | or | `u32`, `f32` | W, the numbers of each sequence, and S x W of them, if there are values |
/// | then | `u32` | the rows of each sequence, if the head has one for each token |
/// | then | `f32` | F floats, row-major |
struct GatheredOutputs {
    /// Of one micro-batch.
    struct Part: Equatable {
        var targets: Targets
        /// Row-major.
        var values: [Float]
        /// The rows of each sequence, where the head has one for each token; else empty.
        var lengths: [Int] = []
    }

    /// Bytes of a rank at most: 64 MiB are 32,768 vectors of 512 floats.
    static let maxBytes = 64 << 20

    /// By micro-batch of the step.
    let parts: [Part]

    static func encode(_ batches: [PackedBatch], outputs: [[Float]], _ head: any Head) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        for (batch, values) in zip(batches, outputs) {
            append(UInt32(clamping: batch.sequenceCount))
            append(UInt32(clamping: values.count))
            switch batch.targets {
            case .none: bytes.append(0)
            case .classes(let labels):
                bytes.append(1)
                for label in labels { append(UInt32(bitPattern: label)) }
            case .values(let numbers, let width):
                bytes.append(2)
                append(UInt32(clamping: width))
                for number in numbers { append(number.bitPattern) }
            // `Objective.scope` is the step for losses of whole sequences only: see `ModelSpecification.validate`.
            case .tokens: bytes.append(0)
            }
            if head.isPerToken {
                let offsets = head.reads.rowOffsets(batch)
                for (start, end) in zip(offsets, offsets.dropFirst()) { append(UInt32(clamping: end - start)) }
            }
            for value in values { append(value.bitPattern) }
        }
        return bytes
    }

    /// Reads what the ranks have sent.
    ///
    /// - Throws: An error that names the first rank that sent what does not fit its share or the model.
    init(
        _ pieces: [[UInt8]], partition: [Range<Int>], _ model: ModelSpecification
    ) throws(PeerDataError) {
        var parts = [Part?](repeating: nil, count: partition.map(\.upperBound).max() ?? 0)
        for (rank, range) in partition.enumerated() {
            func refusal(_ why: String) -> PeerDataError {
                PeerDataError(rank: rank, description: "rank \(rank) sent outputs that do not fit: \(why)")
            }
            guard rank < pieces.count else { throw refusal("none") }
            var reader = Reader(bytes: pieces[rank])
            for index in range {
                guard let part = reader.part(model) else { throw refusal("those of micro-batch \(index + 1)") }
                parts[index] = part
            }
            guard reader.isAtEnd else { throw refusal("more than those of its micro-batches") }
        }
        self.parts = parts.compactMap { $0 }
    }

    private struct Reader {
        let bytes: [UInt8]
        private var at = 0

        /// More than fit into ``maxBytes``.
        private static let mostNumbers = 1 << 24

        init(bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { at == bytes.count }

        private mutating func number() -> UInt32? {
            guard bytes.count - at >= 4 else { return nil }
            defer { at += 4 }
            return (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
        }

        private mutating func numbers(_ count: Int) -> [UInt32]? {
            guard (bytes.count - at) / 4 >= count else { return nil }
            return (0..<count).compactMap { _ in number() }
        }

        /// The next micro-batch; nil if it cannot be.
        mutating func part(_ model: ModelSpecification) -> Part? {
            let width = model.head.outputWidth
            guard let sequences = number().map({ Int($0) }), let count = number().map({ Int($0) }), at < bytes.count,
                sequences > 0, width > 0, count % width == 0
            else { return nil }
            // As many rows as sequences, or as tokens.
            let rows = count / width
            guard model.head.reads == .firstTokens ? rows == sequences : rows >= sequences else { return nil }
            let kind = bytes[at]
            at += 1
            var targets = Targets.none
            switch kind {
            case 0: break
            case 1:
                guard let labels = numbers(sequences) else { return nil }
                targets = .classes(labels.map { Int32(bitPattern: $0) })
            case 2:
                guard let width = number().map({ Int($0) }), width > 0, sequences <= Self.mostNumbers / width,
                    let found = numbers(sequences * width)
                else { return nil }
                targets = .values(found.map { Float(bitPattern: $0) }, width: width)
            default: return nil
            }
            var lengths: [Int] = []
            if model.head.isPerToken {
                guard let found = numbers(sequences) else { return nil }
                lengths = found.map { Int($0) }
                guard lengths.allSatisfy({ $0 > 0 }), lengths.reduce(0, +) == rows else { return nil }
            }
            guard (try? model.validate(targets, sequences: sequences, tokens: rows)) != nil,
                let values = numbers(count)
            else { return nil }
            return Part(targets: targets, values: values.map { Float(bitPattern: $0) }, lengths: lengths)
        }
    }

    /// The loss of all of them as one batch, and its gradient.
    ///
    /// - Parameter own: The micro-batches whose gradients are wanted.
    /// - Throws: An error if their targets are of different kinds.
    func loss(_ model: ModelSpecification, own: Range<Int>) throws(ModelError) -> WholeBatchLoss {
        guard let targets = Targets.joined(parts.map(\.targets)) else {
            throw .invalidBatch("a step with targets of different kinds")
        }
        var values = parts.flatMap(\.values)
        var gradient = [Float](repeating: 0, count: values.count)
        let width = model.head.outputWidth
        let sum = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return 0 }
                let rows = parts.reduce(0) { $0 + $1.values.count } / width
                var outputs = Outputs(values: values, gradient: gradient, rows: rows, width: width)
                if model.head.isPerToken {
                    outputs.offsets = parts.flatMap(\.lengths).reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
                }
                return model.objective.evaluate(outputs, targets, withGradient: true)
            }
        }
        var start = parts[..<own.lowerBound].reduce(0) { $0 + $1.values.count }
        let gradients = own.map { index in
            defer { start += parts[index].values.count }
            return Array(gradient[start..<(start + parts[index].values.count)])
        }
        return WholeBatchLoss(sum: sum, gradients: gradients)
    }
}

/// How many floats the outputs of a step whose loss spans it may have.
public enum GatheredOutputsLimit {
    /// Of one rank, which may have all of them, with room for what goes with them.
    public static let floats = GatheredOutputs.maxBytes / 4 * 15 / 16
}

/// The loss of a whole step.
struct WholeBatchLoss: Sendable {
    /// Of all micro-batches.
    var sum: Double
    /// The gradient of the outputs of each of this rank's micro-batches, rows x width.
    var gradients: [[Float]]
}
