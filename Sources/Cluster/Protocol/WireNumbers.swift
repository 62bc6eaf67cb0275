import Numerics
import Support

/// The checks of numbers that arrive. What passes them can be added, converted and written as JSON without overflow.
extension WireFormat {
    /// Checks what every message has.
    static func check(_ envelope: PBEnvelope) throws(ProtocolError) {
        guard envelope.generation <= ControlLimits.maxGeneration else {
            throw ProtocolError("the generation \(envelope.generation)")
        }
        _ = try step(envelope.step)
    }

    /// A step, or a number of steps.
    static func step(_ value: UInt64) throws(ProtocolError) -> UInt64 {
        guard value <= ControlLimits.maxStep else { throw ProtocolError("the step \(value)") }
        return value
    }

    /// A number of bytes.
    static func bytes(_ value: UInt64, _ name: String) throws(ProtocolError) -> UInt64 {
        guard value <= ControlLimits.maxBytes else { throw ProtocolError("\(name) of \(value) bytes") }
        return value
    }

    /// A duration in seconds.
    static func seconds(_ value: Double, _ name: String) throws(ProtocolError) -> Double {
        guard value.isFinite, value >= 0, value < 1e9 else { throw ProtocolError("\(name) of \(value) seconds") }
        return value
    }

    /// The summed losses of a step's micro-batches.
    static func losses(_ values: [Double]) throws(ProtocolError) -> [Double] {
        guard values.count <= ReductionTree.maxLeafCount else {
            throw ProtocolError("losses of \(values.count) micro-batches")
        }
        for value in values {
            guard value.isFinite, abs(value) <= ControlLimits.maxMagnitude else {
                throw ProtocolError("a loss of \(value)")
            }
        }
        return values
    }

    /// The norm of a gradient.
    static func norm(_ value: Double) throws(ProtocolError) -> Double {
        guard value.isFinite, value >= 0, value <= ControlLimits.maxMagnitude else {
            throw ProtocolError("a gradient norm of \(value)")
        }
        return value
    }

    /// An endpoint that a worker can connect to: `tcp://HOST:PORT` or `ipc://PATH`; empty of a worker that is alone.
    static func endpoint(_ text: String) throws(ProtocolError) -> String {
        if text.isEmpty { return text }
        let shown = try shownText(text, "an endpoint")
        guard shown == text, Endpoint.isConnectable(text) else {
            throw ProtocolError("the endpoint \(text.printable(limit: 100)), to which nothing can connect")
        }
        return text
    }

    /// Text to be sent, cut to what the other side reads.
    static func clipped(_ text: String) -> String {
        guard text.utf8.count > ControlLimits.shortText else { return text }
        // A character that is cut becomes three bytes.
        return String(decoding: text.utf8.prefix(ControlLimits.shortText - 3), as: UTF8.self)
    }
}
