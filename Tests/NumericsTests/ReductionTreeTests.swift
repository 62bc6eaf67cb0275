import Testing

@testable import Numerics

@Suite struct ReductionTreeTests {
    /// The tree as a bracketed text, put together from covers of the given parts.
    private func bracket(_ tree: ReductionTree, parts: [Range<Int>]) -> String {
        func text(_ node: TreeNode) -> String {
            let leaves = node.leaves.clamped(to: 0..<tree.leafCount)
            if leaves.count == 1 { return "\(leaves.lowerBound)" }
            let left = TreeNode(level: node.level - 1, index: 2 * node.index)
            let right = TreeNode(level: node.level - 1, index: 2 * node.index + 1)
            return right.leaves.lowerBound >= tree.leafCount ? text(left) : "(\(text(left))+\(text(right)))"
        }
        var nodes: [TreeNode] = []
        var texts: [String] = []
        for node in parts.flatMap({ tree.cover($0) }) {
            nodes.append(node)
            texts.append(text(node))
            while let merge = tree.nextMerge(nodes) {
                let top = nodes.removeLast()
                if merge == .add {
                    nodes.removeLast()
                    let right = texts.removeLast()
                    texts.append("(\(texts.removeLast())+\(right))")
                }
                nodes.append(top.parent)
            }
        }
        #expect(nodes == [tree.root])
        return texts.joined(separator: " ")
    }

    @Test func `eight leaves make a balanced tree`() {
        #expect(bracket(ReductionTree(leafCount: 8), parts: [0..<8]) == "(((0+1)+(2+3))+((4+5)+(6+7)))")
    }

    @Test func `five leaves carry the last one up`() {
        #expect(bracket(ReductionTree(leafCount: 5), parts: [0..<5]) == "(((0+1)+(2+3))+4)")
    }

    @Test(arguments: 1...17)
    func `every partition gives the same tree`(leafCount: Int) {
        let tree = ReductionTree(leafCount: leafCount)
        let whole = bracket(tree, parts: [0..<leafCount])
        for world in 1...9 {
            let parts = (0..<world).map { tree.leaves(rank: $0, worldSize: world) }
            #expect(parts.reduce(0) { $0 + $1.count } == leafCount)
            #expect(bracket(tree, parts: parts) == whole)
        }
        for cut in 0...leafCount { #expect(bracket(tree, parts: [0..<cut, cut..<leafCount]) == whole) }
    }

    @Test func `aligned ranges are covered by one node`() {
        let tree = ReductionTree(leafCount: 8)
        #expect(tree.cover(0..<4) == [TreeNode(level: 2, index: 0)])
        #expect(tree.cover(4..<8) == [TreeNode(level: 2, index: 1)])
        #expect(tree.cover(3..<3) == [])
        #expect(tree.cover(2..<5) == [TreeNode(level: 1, index: 1), TreeNode(level: 0, index: 4)])
    }

    @Test(arguments: [2, 7, 8, 64, 100])
    func `covers stay logarithmic`(leafCount: Int) {
        let tree = ReductionTree(leafCount: leafCount)
        for low in 0..<leafCount {
            for high in low...leafCount { #expect(tree.cover(low..<high).count <= 2 * max(1, tree.height)) }
        }
    }

    @Test func `one leaf is its own root`() {
        let tree = ReductionTree(leafCount: 1)
        #expect(tree.height == 0)
        #expect(tree.cover(0..<1) == [tree.root])
        #expect(tree.nextMerge([tree.root]) == nil)
    }
}
