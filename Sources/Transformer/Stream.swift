import Numerics

/// Rows that go both into products and into sums: as floats, and as what products are made of.
struct Stream<Element: ComputeElement> {
    var floats: UnsafeMutablePointer<Float>
    /// The floats rounded; the same memory where `Element` is `Float`.
    var elements: UnsafeMutablePointer<Element>

    /// Memory for `count` of them. The floats may be put into `shared` memory where no backward pass reads them.
    static func layOut(_ workspace: Workspace, _ count: Int, shared: UnsafeMutablePointer<Float>?) -> Stream {
        let floats = shared ?? workspace.floats(count)
        return Stream(floats: floats, elements: Element.view(of: floats) ?? Element.allocate(count, in: workspace))
    }

    /// Memory for floats that several streams share, nil where they cannot: where they are their own elements.
    static func sharedFloats(_ workspace: Workspace, _ count: Int) -> UnsafeMutablePointer<Float>? {
        Element.matrixType == .float32 ? nil : workspace.floats(count)
    }
}
