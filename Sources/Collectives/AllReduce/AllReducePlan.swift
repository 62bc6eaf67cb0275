import Numerics
import Support

/// How one step's buckets are cut and who does what: a pure function of what all ranks know.
struct AllReducePlan: Sendable {
    /// Floats of a chunk, the unit of the sum of squares and of slicing.
    static let chunkFloats = 4096
    static let maxWorldSize = 4096

    /// A piece of a slice: what one message carries.
    struct Segment: Sendable {
        var bucket: Int
        /// The floats of the flat gradient.
        var range: Range<Int>
        /// The rank that reduces it.
        var owner: Int
        /// Where its chunks' sums of squares go.
        var firstChunk: Int
        var chunkCount: Int { (range.count + AllReducePlan.chunkFloats - 1) / AllReducePlan.chunkFloats }
        /// The places of its chunks' sums of squares.
        var chunks: Range<Int> { firstChunk..<(firstChunk + chunkCount) }
    }

    /// A partial sum that the owner of a segment receives, and the rank that sends it.
    struct Input: Sendable, Equatable {
        var node: TreeNode
        var rank: Int
    }

    let tree: ReductionTree
    let rank: Int
    let worldSize: Int
    /// This rank's leaves.
    let leaves: Range<Int>
    let buckets: [Range<Int>]
    /// By bucket, then by offset.
    let segments: [Segment]
    /// The segments of each bucket.
    let segmentsOfBucket: [Range<Int>]
    let chunkCount: Int
    /// The nodes sent to every owner, left to right.
    let inputs: [Input]
    /// The inputs that this rank sends.
    let ownInputs: Range<Int>
    /// What turns all inputs into the root.
    let program: SummationProgram
    /// Ranks that own no segment send no result, so they say that they have begun.
    let ownsSegments: [Bool]

    init(
        rank: Int, worldSize: Int, segmentFloats: Int, tree: ReductionTree, partition: [Range<Int>],
        buckets: [Range<Int>]
    ) throws(AllReduceError) {
        guard partition.count == worldSize else {
            throw .misuse("a partition over \(partition.count) ranks in a world of \(worldSize)")
        }
        guard tree.leafCount <= ReductionTree.maxLeafCount else {
            throw .misuse("\(tree.leafCount) micro-batches, at most \(ReductionTree.maxLeafCount) are summed in a step")
        }
        var next = 0
        let owners = partition.indices.filter { !partition[$0].isEmpty }
            .sorted { partition[$0].lowerBound < partition[$1].lowerBound }
        var inputs: [Input] = []
        var own = 0..<0
        for owner in owners {
            guard partition[owner].lowerBound == next, partition[owner].upperBound <= tree.leafCount else {
                throw .misuse("the partition \(partition) does not cover \(tree.leafCount) micro-batches once each")
            }
            next = partition[owner].upperBound
            let first = inputs.count
            inputs += tree.cover(partition[owner]).map { Input(node: $0, rank: owner) }
            if owner == rank { own = first..<inputs.count }
        }
        guard next == tree.leafCount else {
            throw .misuse("the partition \(partition) does not cover \(tree.leafCount) micro-batches once each")
        }
        try Self.check(buckets)

        self.tree = tree
        self.rank = rank
        self.worldSize = worldSize
        leaves = partition[rank]
        self.buckets = buckets
        self.inputs = inputs
        ownInputs = own
        program = SummationProgram(tree: tree, nodes: inputs.map(\.node))
        var segments: [Segment] = []
        var ofBucket: [Range<Int>] = []
        var chunks = 0
        for (number, bucket) in buckets.enumerated() {
            let first = segments.count
            Self.cut(number, bucket, worldSize, segmentFloats, &chunks, into: &segments)
            ofBucket.append(first..<segments.count)
        }
        self.segments = segments
        segmentsOfBucket = ofBucket
        chunkCount = chunks
        var owning = [Bool](repeating: false, count: worldSize)
        for segment in segments { owning[segment.owner] = true }
        ownsSegments = owning
    }

    private static func check(_ buckets: [Range<Int>]) throws(AllReduceError) {
        var end = 0
        for bucket in buckets.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) })
        where !bucket.isEmpty {
            guard bucket.lowerBound >= end, bucket.upperBound <= 1 << 48 else {
                throw .misuse("bucket \(bucket) overlaps another or lies outside of the gradient")
            }
            end = bucket.upperBound
        }
    }

    /// Cuts one bucket: its chunks are dealt to the ranks in even shares, those to segments. Which rank gets which
    /// share moves on with the bucket's number, so that small buckets are not all reduced by one rank.
    private static func cut(
        _ number: Int, _ bucket: Range<Int>, _ worldSize: Int, _ segmentFloats: Int, _ chunks: inout Int,
        into segments: inout [Segment]
    ) {
        let count = (bucket.count + chunkFloats - 1) / chunkFloats
        for share in 0..<worldSize {
            let end = min(bucket.upperBound, bucket.lowerBound + (share + 1) * count / worldSize * chunkFloats)
            var at = bucket.lowerBound + share * count / worldSize * chunkFloats
            while at < end {
                let stop = min(end, at + segmentFloats)
                segments.append(
                    Segment(
                        bucket: number, range: at..<stop, owner: (share + number) % worldSize, firstChunk: chunks))
                chunks += (stop - at + chunkFloats - 1) / chunkFloats
                at = stop
            }
        }
    }

    /// All other ranks, the next one first, so that the ranks do not all send to the same one at once.
    var otherRanks: [Int] { (1..<max(1, worldSize)).map { (rank + $0) % worldSize } }

    /// The segments of a bucket in the order in which this rank sends: all owners in turn, the next rank first.
    func sendingOrder(ofBucket bucket: Int) -> [Int] {
        var seen = [Int](repeating: 0, count: worldSize)
        let keys = segmentsOfBucket[bucket].map { number in
            let owner = segments[number].owner
            seen[owner] += 1
            return (turn: seen[owner], distance: (owner - rank - 1 + worldSize) % worldSize, number: number)
        }
        return keys.sorted { ($0.turn, $0.distance) < ($1.turn, $1.distance) }.map(\.number)
    }

    /// The segment of `bucket` that starts at `offset`, if there is one.
    func segment(bucket: Int, offset: Int) -> Int? {
        guard segmentsOfBucket.indices.contains(bucket) else { return nil }
        let range = segmentsOfBucket[bucket]
        let found = segments[range].partitioningIndex { $0.range.lowerBound >= offset }
        return found < range.upperBound && segments[found].range.lowerBound == offset ? found : nil
    }

    /// The additions that merge this rank's contributions, and which of them then hold its inputs.
    struct Merging: Equatable {
        /// `left += right`, as indices of the contributions.
        var additions: [(left: Int, right: Int)] = []
        /// By input, an index of the contributions.
        var holders: [Int] = []

        static func == (a: Merging, b: Merging) -> Bool {
            a.holders == b.holders && a.additions.map(\.left) == b.additions.map(\.left)
                && a.additions.map(\.right) == b.additions.map(\.right)
        }
    }

    /// How to merge contributions for `nodes`; `nil` if they do not tile this rank's leaves.
    func merging(_ nodes: [TreeNode]) -> Merging? {
        let order = nodes.indices.sorted { nodes[$0] < nodes[$1] }
        var merging = Merging()
        var stack: [(node: TreeNode, holder: Int)] = []
        var next = leaves.lowerBound
        for i in order {
            let node = nodes[i]
            guard node.level >= 0, node.level <= tree.height, node.index >= 0, node.index < tree.leafCount,
                node.leaves.lowerBound == next, next < leaves.upperBound
            else { return nil }
            next = min(node.leaves.upperBound, tree.leafCount)
            stack.append((node, i))
            while let merge = tree.nextMerge(stack.map(\.node)) {
                let top = stack.removeLast()
                var holder = top.holder
                if merge == .add {
                    holder = stack.removeLast().holder
                    merging.additions.append((holder, top.holder))
                }
                stack.append((top.node.parent, holder))
            }
        }
        guard next == leaves.upperBound || (nodes.isEmpty && leaves.isEmpty),
            stack.map(\.node) == inputs[ownInputs].map(\.node)
        else { return nil }
        merging.holders = stack.map(\.holder)
        return merging
    }
}
