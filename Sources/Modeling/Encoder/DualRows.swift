import Numerics

/// Activations that are kept twice: as float32 for residual sums and LayerNorm, and as `Element` for matrix products.
struct DualRows<Element: ComputeElement> {
    /// Float32, for sums.
    var residual: UnsafeMutablePointer<Float>
    /// The same rounded, for products; the same memory where `Element` is `Float`.
    var operand: UnsafeMutablePointer<Element>

    /// Memory for `count` of them. The floats may be put into `shared` memory where no backward pass reads them.
    static func layOut(_ workspace: Workspace, _ count: Int, shared: UnsafeMutablePointer<Float>?) -> DualRows {
        let residual = shared ?? workspace.floats(count)
        return DualRows(
            residual: residual, operand: Element.view(of: residual) ?? Element.allocate(count, in: workspace))
    }

    /// Memory for floats that several of these share; nil where they cannot: where floats are the operands.
    static func sharedResidual(_ workspace: Workspace, _ count: Int) -> UnsafeMutablePointer<Float>? {
        Element.matrixType == .float32 ? nil : workspace.floats(count)
    }
}
