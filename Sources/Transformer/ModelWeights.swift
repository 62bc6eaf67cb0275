import Numerics

/// The weights of a model: the float32 ones that count, and the copy that products are made of.
public final class ModelWeights: Sendable {
    /// The flat vector.
    public let master: FloatBuffer
    /// In what the encoder's products are computed.
    public let precision: Precision
    /// The floats that have a rounded copy: all but the word embedding, which goes into no product.
    private let roundedCount: Int
    private let copy: FloatBuffer?

    /// Takes over a flat vector; ``refresh(_:)`` is to be called once it is filled.
    public init(master: FloatBuffer, layout: ParameterLayout, precision: Precision) {
        precondition(master.count == layout.count, "the weights do not have the length of their layout")
        self.master = master
        self.precision = precision
        roundedCount = layout.denseCount
        copy = precision == .bf16 ? FloatBuffer(count: (layout.denseCount + 1) / 2) : nil
    }

    /// To be called when the weights in `range` have changed, by all the threads that share the work, each with its own
    /// range.
    public func refresh(_ range: Range<Int>) {
        guard let rounded else { return }
        let range = range.clamped(to: 0..<roundedCount)
        BFloat16.round(rounded + range.lowerBound, master.pointer + range.lowerBound, range.count)
    }

    /// To be called when all weights have changed.
    public func refresh() { refresh(0..<roundedCount) }

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
