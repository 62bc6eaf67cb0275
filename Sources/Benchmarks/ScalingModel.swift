import Foundation
import Modeling
import Numerics

/// Predicts the time of a training step on more hosts than there are, from what was measured on one.
///
/// All hosts are alike and joined by a switch that is never the bottleneck, so it is enough to follow one of them: its
/// link sends, one after the other, its contributions to each bucket as the backward pass finishes them, and the sums
/// of the shares that it owns as soon as the contributions of all are there. The step is over when the last sum has
/// come.
public struct ScalingModel: Sendable {
    /// A part of the flat gradient.
    public struct Bucket: Sendable, Equatable {
        /// Its length.
        public var floats: Double
        /// When the compute threads are done with it, in seconds from the step's begin.
        public var readyAt: Double

        /// A bucket of `floats` that is final `readyAt` seconds after the step's begin.
        public init(floats: Double, readyAt: Double) {
            self.floats = floats
            self.readyAt = readyAt
        }
    }

    /// The buckets, in the order in which they become ready.
    public var buckets: [Bucket]
    /// Seconds of the forward and backward passes of a host's share.
    public var computeSeconds: Double
    /// Seconds of the optimizer.
    public var optimizerSeconds: Double
    /// Bytes a second that a link carries, of payload.
    public var linkRate: Double
    /// Seconds from the end of a message's sending until it can be used: the network's way, and the threads waking up.
    public var latency: Double
    /// Bytes on the wire of a float.
    public var bytesPerFloat: Double
    /// Seconds of processor time to send and receive a byte, the sum included: what bounds the rate on a fast link.
    public var secondsPerByte: Double
    /// The same of a message, whatever its length.
    public var secondsPerMessage: Double

    /// A model of these parts.
    public init(
        buckets: [Bucket], computeSeconds: Double, optimizerSeconds: Double, linkRate: Double, latency: Double,
        bytesPerFloat: Double = 4, secondsPerByte: Double = 0, secondsPerMessage: Double = 0
    ) {
        self.buckets = buckets
        self.computeSeconds = computeSeconds
        self.optimizerSeconds = optimizerSeconds
        self.linkRate = linkRate
        self.latency = latency
        self.bytesPerFloat = bytesPerFloat
        self.secondsPerByte = secondsPerByte
        self.secondsPerMessage = secondsPerMessage
    }

    /// The share of TCP and Ethernet frames of 1,500 bytes that is payload: 1,448 of 1,538 bytes on the wire.
    public static let payloadShare = 1448.0 / 1538.0

    /// Floats of a message at most.
    private static let segmentFloats = Double(1 << 18)

    /// Seconds of a step on `hosts` hosts.
    public func stepSeconds(hosts: Int) -> Double {
        guard hosts > 1 else { return computeSeconds + optimizerSeconds }
        let peers = Double(hosts - 1)
        // What one host sends of a bucket: shares of all others as contributions, then its own share to all others.
        let durations = buckets.map { bucket in
            let share = bucket.floats / Double(hosts)
            let messages = peers * (share / Self.segmentFloats).rounded(.up)
            let bytes = peers * share * bytesPerFloat
            return max(bytes / linkRate, bytes * secondsPerByte) + messages * secondsPerMessage
        }
        var link = 0.0
        var contributed = 0
        var summed: [Double] = []
        var sums = 0
        var end = computeSeconds
        while sums < buckets.count {
            // First come, first served: the next contribution or the next sum, whichever could begin first.
            let contribution = contributed < buckets.count ? buckets[contributed].readyAt : .infinity
            let sum = sums < summed.count ? summed[sums] : .infinity
            if contribution <= sum {
                link = max(link, contribution) + durations[contributed]
                summed.append(link + latency)
                contributed += 1
            } else {
                link = max(link, sum) + durations[sums]
                end = max(end, link + latency)
                sums += 1
            }
        }
        return end + optimizerSeconds
    }

    /// The buckets of a model whose step of `tokens` tokens on all hosts together touches
    /// ``embeddingRows(tokens:limit:)`` rows, on a host that computes `microBatches` one after the other.
    public static func buckets(
        _ specification: ModelSpecification, tokens: Double, microBatches: Int, computeSeconds: Double
    ) -> [Bucket] {
        let layout = ParameterLayout(specification)
        let rows = embeddingRows(tokens: tokens, limit: specification.encoder.vocabulary)
        let lengths =
            layout.buckets.map { Double($0.count) } + [rows * Double(specification.encoder.hidden)]
        // Sums are final in the last micro-batch only; its backward pass takes two thirds of its time.
        let last = computeSeconds / Double(max(1, microBatches))
        return lengths.enumerated().map { i, floats in
            let isLast = i + 1 == lengths.count
            let share = isLast ? 1 : Double(i) / Double(lengths.count - 1)
            return Bucket(floats: floats, readyAt: computeSeconds - last * (1 - share) * 2 / 3)
        }
    }

    /// The distinct tokens among `tokens`: Heaps' law with the constants of the R8 texts (fitted from 1,590 to 446,843
    /// tokens, where it is off by up to a fifth).
    public static func embeddingRows(tokens: Double, limit: Int) -> Double {
        min(Double(limit), 16.26 * pow(max(1, tokens), 0.5167))
    }
}
