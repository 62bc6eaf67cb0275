/// A node of the fixed binary tree over the micro-batches of a step.
///
/// Level 0 holds the leaves: node `(0, i)` is the gradient of micro-batch `i`. Node `(l, i)` is the sum of
/// `(l - 1, 2i)` and `(l - 1, 2i + 1)`, in that order. Where the number of leaves is no power of two, a node whose
/// right child has no leaf *is* its left child.
public struct TreeNode: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 0 for a leaf.
    public let level: Int
    /// The position within the level, from 0.
    public let index: Int

    /// The node `index` of `level`.
    public init(level: Int, index: Int) {
        self.level = level
        self.index = index
    }

    /// The leaves below it, as if there were no end.
    public var leaves: Range<Int> { (index << level)..<((index + 1) << level) }

    /// The node above it.
    public var parent: TreeNode { TreeNode(level: level + 1, index: index >> 1) }

    /// Orders nodes that do not overlap by their leaves, from left to right.
    public static func < (a: TreeNode, b: TreeNode) -> Bool { a.leaves.lowerBound < b.leaves.lowerBound }

    /// For messages, as `level:index`.
    public var description: String { "\(level):\(index)" }
}

/// The shape of the fixed summation tree over `leafCount` micro-batches, and who owns which leaves.
///
/// It does not know the ranks: however the leaves are dealt out, the same sums are taken in the same order.
public struct ReductionTree: Sendable, Equatable {
    /// The most micro-batches that a step may have.
    public static let maxLeafCount = 4096

    /// The number of micro-batches of the step, at least 1.
    public let leafCount: Int

    /// The tree over `leafCount` leaves.
    public init(leafCount: Int) {
        precondition(leafCount > 0, "a step has at least one micro-batch")
        self.leafCount = leafCount
    }

    /// The level of the root.
    public var height: Int { leafCount == 1 ? 0 : Int.bitWidth - (leafCount - 1).leadingZeroBitCount }

    /// The root.
    public var root: TreeNode { TreeNode(level: height, index: 0) }

    /// One step of a binary-counter stack.
    public enum Merge: Sendable, Equatable {
        /// Add the top of the stack to the one below it, which becomes their parent: `left += right`.
        case add
        /// The top has no right sibling with leaves: it becomes its parent unchanged.
        case promote
    }

    /// What to do next with a stack of `nodes` (left to right, not overlapping), or nothing.
    public func nextMerge(_ nodes: [TreeNode]) -> Merge? {
        guard let top = nodes.last, top.level < height else { return nil }
        if top.index & 1 == 0 {
            // The right sibling's first leaf lies beyond the last: it adds nothing.
            return top.leaves.upperBound >= leafCount ? .promote : nil
        }
        guard nodes.count >= 2 else { return nil }
        return nodes[nodes.count - 2].parent == top.parent && nodes[nodes.count - 2].level == top.level ? .add : nil
    }

    /// The fewest nodes that cover `leaves` exactly, left to right: what a rank that owns these leaves sends.
    public func cover(_ leaves: Range<Int>) -> [TreeNode] {
        precondition(leaves.lowerBound >= 0 && leaves.upperBound <= leafCount, "leaves outside of the tree")
        var stack: [TreeNode] = []
        for leaf in leaves {
            stack.append(TreeNode(level: 0, index: leaf))
            while let merge = nextMerge(stack) {
                let top = stack.removeLast()
                if merge == .add { stack.removeLast() }
                stack.append(top.parent)
            }
        }
        return stack
    }

    /// The default partition: the contiguous leaves of `rank` among `worldSize`; empty where ranks outnumber leaves.
    public func leaves(rank: Int, worldSize: Int) -> Range<Int> {
        precondition(rank >= 0 && rank < worldSize, "rank \(rank) outside of a world of \(worldSize)")
        return (rank * leafCount / worldSize)..<((rank + 1) * leafCount / worldSize)
    }
}
