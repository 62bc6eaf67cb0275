import Numerics

/// The weights of a model: float32 master weights, and their rounded copy for matrix products.
public final class ModelWeights: Sendable {
    /// The flat vector.
    public let master: FloatBuffer
    /// In what the encoder's products are computed.
    public let precision: Precision
    /// The floats that have a rounded copy: all but the word embedding, which goes into no product.
    private let roundedCount: Int
    private let copy: FloatBuffer?

    /// Takes over a flat vector; ``updateRoundedCopy(_:)`` is to be called once it is filled.
    public init(master: FloatBuffer, layout: ParameterLayout, precision: Precision) {
        precondition(master.count == layout.count, "the weights do not have the length of their layout")
        self.master = master
        self.precision = precision
        roundedCount = layout.denseCount
        copy = precision == .bf16 ? FloatBuffer(count: (layout.denseCount + 1) / 2) : nil
    }

    /// Rounds the weights in `range` again. To be called when they have changed, by all threads that share the work,
    /// each with its own range.
    public func updateRoundedCopy(_ range: Range<Int>) {
        guard let rounded else { return }
        let range = range.clamped(to: 0..<roundedCount)
        BFloat16.round(rounded + range.lowerBound, master.pointer + range.lowerBound, range.count)
    }

    /// Rounds all weights again.
    public func updateRoundedCopy() { updateRoundedCopy(0..<roundedCount) }

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
