import CKernels
import Modeling
import Numerics

/// Sums the gradients of a run of micro-batches in the order of the fixed tree, part by part.
///
/// It is a binary-counter stack: a micro-batch's gradient begins as a leaf on top; while the two topmost nodes are
/// siblings, the right one is added to the left one. What remains is ``ReductionTree/cover(_:)`` of the run. Where a
/// leaf is added at once it is written to a small scratch memory, part by part, and added while it is still in the
/// cache: so V micro-batches need at most log2(V) + 1 flat buffers, and half of all leaves need none of their own.
final class GradientAccumulator: GradientSink {
    private let tree: ReductionTree
    private let buffers: GradientBuffers
    private let finished: (Int) -> Void
    /// The nodes of the micro-batches before the one under way; node `i` is in buffer `i`.
    private(set) var nodes: [TreeNode] = []
    /// The leaf under way, once ``begin(leaf:isLast:)`` was called.
    private var merges = 0
    private var isLast = false
    private var lent: (offset: Int, count: Int) = (0, 0)

    /// An accumulator over `tree` that uses `buffers`, and calls `finished` with each bucket that the last leaf ends.
    init(tree: ReductionTree, buffers: GradientBuffers, finished: @escaping (Int) -> Void) {
        self.tree = tree
        self.buffers = buffers
        self.finished = finished
    }

    /// The next micro-batch; leaves come in ascending order. After the last one's parts the sums are final.
    func begin(leaf: Int, isLast: Bool) {
        self.isLast = isLast
        merges = 0
        var stack = nodes + [TreeNode(level: 0, index: leaf)]
        while let merge = tree.nextMerge(stack) {
            let top = stack.removeLast()
            if merge == .add {
                stack.removeLast()
                merges += 1
            }
            stack.append(top.parent)
        }
        if merges == 0 { buffers.grow(to: nodes.count + 1) }
        nextNodes = stack
    }

    private var nextNodes: [TreeNode] = []

    /// The micro-batch under way is done.
    func end() { nodes = nextNodes }

    func reserve(offset: Int, count: Int) -> UnsafeMutablePointer<Float> {
        lent = (offset, count)
        // Without a merge the leaf is a node of its own, and its buffer takes the gradient directly.
        return merges == 0 ? buffers[nodes.count] + offset : buffers.scratch(count)
    }

    func commit() {
        guard merges > 0 else { return }
        let (offset, count) = lent
        var top = nodes.count - 1
        shoal_add(buffers[top] + offset, buffers.scratch(count), count)
        for _ in 1..<merges {
            shoal_add(buffers[top - 1] + offset, buffers[top] + offset, count)
            top -= 1
        }
    }

    func finish(bucket: Int) {
        if isLast { finished(bucket) }
    }
}
