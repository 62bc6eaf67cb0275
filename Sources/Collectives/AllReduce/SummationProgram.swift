import Numerics

/// The additions that turn the inputs of a segment into the sum of the tree's root, in the tree's order: a program for
/// a stack machine.
struct SummationProgram: Sendable, Equatable {
    /// One operation on the stack.
    enum Operation: Sendable, Equatable {
        /// Push the floats of that input.
        case push(Int)
        /// Add the top to the one below it.
        case add
    }

    /// The operations, in order.
    let operations: [Operation]
    /// The deepest stack.
    let stackDepth: Int

    /// The program for inputs that hold the sums of `nodes`, which cover the tree from left to right.
    init(tree: ReductionTree, nodes: [TreeNode]) {
        var operations: [Operation] = []
        var stack: [TreeNode] = []
        var depth = 0
        for (i, node) in nodes.enumerated() {
            stack.append(node)
            operations.append(.push(i))
            depth = max(depth, stack.count)
            while let merge = tree.nextMerge(stack) {
                let top = stack.removeLast()
                if merge == .add {
                    stack.removeLast()
                    operations.append(.add)
                }
                stack.append(top.parent)
            }
        }
        self.operations = operations
        stackDepth = depth
    }
}
