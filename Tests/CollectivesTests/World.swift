import Foundation
import Numerics
import Testing

@testable import Collectives

/// Several ranks in one process, each driven by a thread of its own.
struct World {
    /// Over sockets alone, or in memory wherever it is worth it.
    enum Transport: CaseIterable { case ipc, tcp, memory }

    let reducers: [AllReducer]
    private let folder: String

    init(
        _ worldSize: Int, _ transport: Transport = .ipc, generation: UInt64 = 1, options: AllReduceOptions = .init()
    ) throws {
        folder = try Self.makeFolder()
        var options = options
        options.sharedMemory.isEnabled = transport == .memory
        reducers = try (0..<worldSize).map { [folder] rank in
            let endpoint = transport != .tcp ? "ipc://\(folder)/\(rank)" : "tcp://127.0.0.1:*"
            return try AllReducer(
                rank: rank, worldSize: worldSize, generation: generation, bind: endpoint, options: options)
        }
    }

    static func makeFolder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sh-\(UInt32.random(in: 0...(.max)))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.path
    }

    /// Runs `body` for all ranks at once; throws what the lowest rank threw.
    func each(_ body: @escaping @Sendable (AllReducer) throws -> Void) throws {
        try Self.parallel(reducers.count) { try body(reducers[$0]) }.forEach { if let error = $0 { throw error } }
    }

    /// What each of `count` concurrent calls threw.
    static func parallel(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) -> [(any Error)?] {
        let errors = LockedArray<(any Error)?>(repeating: nil, count: count)
        let group = DispatchGroup()
        for i in 0..<count {
            group.enter()
            Thread.detachNewThread {
                do { try body(i) } catch { errors.set(i, error) }
                group.leave()
            }
        }
        group.wait()
        return errors.values
    }

    func connect() throws {
        let endpoints = reducers.map(\.endpoint)
        try each { try $0.connect(to: endpoints) }
    }

    func close() {
        _ = Self.parallel(reducers.count) { reducers[$0].close() }
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// Results of several threads. Guarded by its lock: hence `@unchecked Sendable`.
final class LockedArray<Element>: @unchecked Sendable {
    private let lock = NSLock()
    private var elements: [Element]
    init(repeating element: Element, count: Int) { elements = Array(repeating: element, count: count) }
    func set(_ index: Int, _ element: Element) { lock.withLock { elements[index] = element } }
    func append(_ element: Element) { lock.withLock { elements.append(element) } }
    func append(contentsOf more: some Sequence<Element>) { lock.withLock { elements.append(contentsOf: more) } }
    var values: [Element] { lock.withLock { elements } }
}

/// Floats that several threads look at in turn. The test keeps them apart: hence `@unchecked Sendable`.
final class Floats: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    init(_ values: [Float]) {
        count = values.count
        pointer = .allocate(capacity: max(1, count))
        pointer.initialize(from: values, count: count)
    }
    deinit { pointer.deallocate() }
    var bits: [UInt32] { (0..<count).map { pointer[$0].bitPattern } }
}

/// A step's gradients by leaf, and what their sum must be.
struct Job: Sendable {
    let leaves: [[Float]]
    let buckets: [Range<Int>]
    var tree: ReductionTree { ReductionTree(leafCount: leaves.count) }
    var floats: Int { leaves[0].count }

    /// Floats of very different magnitudes and signs, so that every other order of additions gives other bits.
    init(leafCount: Int, buckets: [Range<Int>], seed: UInt64) {
        self.buckets = buckets
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let floats = buckets.map(\.upperBound).max() ?? 0
        leaves = (0..<leafCount).map { _ in
            (0..<floats).map { _ in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                let exponent = UInt32(100 + state % 50)
                return Float(bitPattern: UInt32(truncatingIfNeeded: state >> 32) & 0x807F_FFFF | exponent << 23)
            }
        }
    }

    /// The sum of the node's leaves, by its definition.
    func naive(_ node: TreeNode) -> [Float]? {
        if node.level == 0 { return node.index < leaves.count ? leaves[node.index] : nil }
        let left = naive(TreeNode(level: node.level - 1, index: 2 * node.index))
        let right = naive(TreeNode(level: node.level - 1, index: 2 * node.index + 1))
        guard let left, let right else { return left }
        return [Float](unsafeUninitializedCapacity: left.count) { sum, count in
            for i in left.indices { sum[i] = left[i] + right[i] }
            count = left.count
        }
    }

    /// What a rank says about a step: of different lengths, some of them empty, the longest of the greatest length.
    static func piggyback(rank: Int, step: UInt64) -> [UInt8] {
        let count =
            (rank + Int(step)) % 4 == 0 ? 0 : rank == 1 && step == 2 ? Reduction.maxPiggybackBytes : 3 * rank + 5
        return (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ rank &+ Int(step)) }
    }

    var expected: [UInt32] { (naive(tree.root) ?? []).map(\.bitPattern) }

    /// Runs one step for one rank; returns the bits of its result.
    ///
    /// - Parameter pieces: how the rank's leaves come: as single leaves or as the cover.
    func run(
        _ reducer: AllReducer, step: UInt64, partition: [Range<Int>], singleLeaves: Bool, inPlace: Bool,
        jitter: Bool = false
    ) throws -> (bits: [UInt32], reduction: Reduction) {
        let mine = partition[reducer.rank]
        let nodes = singleLeaves ? mine.map { TreeNode(level: 0, index: $0) } : tree.cover(mine)
        let buffers = nodes.map { Floats(naive($0) ?? []) }
        let guardValue = Float(123.5)
        let result = inPlace && !buffers.isEmpty ? buffers[0] : Floats(Array(repeating: guardValue, count: floats))
        try reducer.begin(
            ReductionStep(number: step, tree: tree, partition: partition, buckets: buckets, result: result.pointer))
        for bucket in buckets.indices {
            if jitter { usleep(UInt32.random(in: 0...3000)) }
            reducer.submit(
                bucket: bucket,
                contributions: zip(nodes, buffers).map { Contribution(node: $0, base: $1.pointer) })
        }
        let reduction = try reducer.finish(piggyback: Self.piggyback(rank: reducer.rank, step: step))
        // A rank that is done has the piggybacks of all.
        #expect(reduction.piggybacks == (0..<reducer.worldSize).map { Self.piggyback(rank: $0, step: step) })
        return withExtendedLifetime(buffers) { (result.bits, reduction) }
    }
}
