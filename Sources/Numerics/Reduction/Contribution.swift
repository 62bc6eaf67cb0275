/// What one rank has of one bucket: a buffer that holds the gradient sum of one node of the tree.
///
/// Lent to the all-reduce from the submit of its bucket until the end of the step's all-reduce,
/// good or bad; until then only the all-reduce may read or write the bucket's part of the buffer (it adds siblings in
/// place). That hand-over is why a pointer can be `@unchecked Sendable` here.
public struct Contribution: @unchecked Sendable {
    /// The node whose sum the buffer holds.
    public var node: TreeNode
    /// The first float of the flat gradient (not of the bucket).
    public var base: UnsafePointer<Float>

    /// The sum of `node` in the flat gradient at `base`.
    public init(node: TreeNode, base: UnsafePointer<Float>) {
        self.node = node
        self.base = base
    }
}
