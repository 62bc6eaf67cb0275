import Modeling
import Numerics

/// Micro-batches as flat arrays, and back. What is checked here is that the arrays fit each other; that ids lie within
/// the model's tables is checked by `PackedBatch.validate`, once the model is known.
enum BatchCoding {
    static func encode(_ batches: [PackedBatch]) -> PBBatches {
        PBBatches.with { message in
            for batch in batches {
                message.sequences.append(UInt32(batch.sequenceCount))
                for s in 0..<batch.sequenceCount {
                    message.lengths.append(UInt32(batch.offsets[s + 1] - batch.offsets[s]))
                }
                message.tokenIds.append(contentsOf: batch.tokenIDs.lazy.map { UInt32(bitPattern: $0) })
                message.sampleKeys.append(contentsOf: batch.sampleKeys)
                switch batch.targets {
                case .none: break
                case .classes(let labels):
                    message.classes.labels.append(contentsOf: labels.lazy.map { UInt32(bitPattern: $0) })
                case .values(let values, let width):
                    message.values.width = UInt32(clamping: width)
                    message.values.values.append(contentsOf: values)
                case .tokens(let labels): message.tokens.labels.append(contentsOf: labels)
                }
            }
            if batches.contains(where: { $0.typeIDs.contains { $0 != 0 } }) {
                for batch in batches {
                    message.typeIds.append(contentsOf: batch.typeIDs.lazy.map { UInt32(bitPattern: $0) })
                }
            }
        }
    }

    static func decode(_ message: PBBatches) throws(ProtocolError) -> [PackedBatch] {
        guard message.sequences.count <= ReductionTree.maxLeafCount else {
            throw ProtocolError("\(message.sequences.count) micro-batches")
        }
        let samples = message.lengths.count
        guard samples <= ControlLimits.maxSamples, message.sampleKeys.count == samples else {
            throw ProtocolError("\(message.sampleKeys.count) sample keys for \(samples) sequences")
        }
        // 64-bit sums of at most a few million 32-bit numbers cannot overflow.
        guard message.sequences.reduce(UInt64(0), { $0 + UInt64($1) }) == UInt64(samples) else {
            throw ProtocolError("the micro-batches do not add up to \(samples) sequences")
        }
        let tokens = message.tokenIds.count
        guard message.lengths.reduce(UInt64(0), { $0 + UInt64($1) }) == UInt64(tokens), tokens <= Int(Int32.max) else {
            throw ProtocolError("the sequences do not add up to \(tokens) tokens")
        }
        guard message.typeIds.isEmpty || message.typeIds.count == tokens else {
            throw ProtocolError("\(message.typeIds.count) segment ids for \(tokens) tokens")
        }
        try checkTargets(message, samples: samples, tokens: tokens)
        var result: [PackedBatch] = []
        result.reserveCapacity(message.sequences.count)
        var sample = 0
        var token = 0
        for count in message.sequences {
            guard count > 0 else { throw ProtocolError("a micro-batch without sequences") }
            let samples = sample..<(sample + Int(count))
            var batch = PackedBatch()
            var length = 0
            batch.offsets.reserveCapacity(samples.count + 1)
            for s in samples {
                length += Int(message.lengths[s])
                batch.offsets.append(Int32(length))
            }
            let range = token..<(token + length)
            batch.tokenIDs = message.tokenIds[range].map { Int32(bitPattern: $0) }
            batch.typeIDs =
                message.typeIds.isEmpty
                ? [Int32](repeating: 0, count: length) : message.typeIds[range].map { Int32(bitPattern: $0) }
            batch.sampleKeys = Array(message.sampleKeys[samples])
            batch.targets = targets(message, samples: samples, tokens: range)
            result.append(batch)
            sample = samples.upperBound
            token = range.upperBound
        }
        return result
    }

    private static func checkTargets(_ message: PBBatches, samples: Int, tokens: Int) throws(ProtocolError) {
        switch message.targets {
        case nil: break
        case .classes(let classes):
            guard classes.labels.count == samples else {
                throw ProtocolError("\(classes.labels.count) labels for \(samples) sequences")
            }
        case .values(let values):
            let (count, width) = (values.values.count, Int(values.width))
            guard width > 0, count % width == 0, count / width == samples else {
                throw ProtocolError("\(count) values, \(width) of each, for \(samples) sequences")
            }
        case .tokens(let classes):
            guard classes.labels.count == tokens else {
                throw ProtocolError("\(classes.labels.count) labels for \(tokens) tokens")
            }
        }
    }

    /// What is to be learnt of some sequences, and of their tokens.
    private static func targets(_ message: PBBatches, samples: Range<Int>, tokens: Range<Int>) -> Targets {
        switch message.targets {
        case nil: return .none
        case .classes(let classes): return .classes(classes.labels[samples].map { Int32(bitPattern: $0) })
        case .values(let values):
            let width = Int(values.width)
            return .values(
                Array(values.values[samples.lowerBound * width..<samples.upperBound * width]), width: width)
        case .tokens(let classes): return .tokens(Array(classes.labels[tokens]))
        }
    }
}
