import Numerics

/// The weights of a model: float32 master weights, and their rounded copy for matrix products.
public final class ModelWeights: Sendable {
    /// The flat vector.
    public let master: FloatBuffer
    /// In what the encoder's products are computed.
    public let precision: Precision
    /// The floats that have a rounded copy: all, without the word embedding where it goes into no product.
    private let roundedParts: [Range<Int>]
    private let copy: FloatBuffer?

    /// Takes over a flat vector; ``updateRoundedCopy(_:)`` is to be called once it is filled.
    public init(master: FloatBuffer, layout: ParameterLayout, precision: Precision) {
        precondition(master.count == layout.count, "the weights do not have the length of their layout")
        self.master = master
        self.precision = precision
        let words = layout.words.range
        let parts =
            layout.multipliesWords ? [0..<layout.count] : [0..<words.lowerBound, words.upperBound..<layout.count]
        roundedParts = parts.filter { !$0.isEmpty }
        // The place of a word embedding in the middle stays untouched, which costs nothing.
        let roundedCount = roundedParts.last?.upperBound ?? 0
        copy = precision == .bf16 ? FloatBuffer(count: (roundedCount + 1) / 2) : nil
    }

    /// Rounds the weights in `range` again. To be called when they have changed, by all threads that share the work,
    /// each with its own range.
    public func updateRoundedCopy(_ range: Range<Int>) {
        guard let rounded else { return }
        for part in roundedParts {
            let part = part.clamped(to: range)
            BFloat16.round(rounded + part.lowerBound, master.pointer + part.lowerBound, part.count)
        }
    }

    /// Rounds all weights again.
    public func updateRoundedCopy() { updateRoundedCopy(0..<master.count) }

    private var rounded: UnsafeMutablePointer<BFloat16>? {
        copy.map { UnsafeMutableRawPointer($0.pointer).assumingMemoryBound(to: BFloat16.self) }
    }

    /// The weights as floats and as `Element`, both by the offsets of the layout.
    func view<Element: ComputeElement>(as type: Element.Type) -> WeightsView<Element> {
        if let same = Element.view(of: master.pointer) { return WeightsView(floats: master.pointer, elements: same) }
        guard let rounded = rounded as? UnsafeMutablePointer<Element> else {
            preconditionFailure("these weights are not kept as \(type)")
        }
        return WeightsView(floats: master.pointer, elements: rounded)
    }
}

/// Weights to read, as floats and as what products are made of.
struct WeightsView<Element: ComputeElement> {
    let floats: UnsafePointer<Float>
    let elements: UnsafePointer<Element>
}
