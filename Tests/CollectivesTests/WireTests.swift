import Foundation
import Numerics
import Testing

@testable import Collectives

@Suite struct WireTests {
    static func options(_ wire: WirePrecision, compresses: Bool) -> AllReduceOptions {
        var options = SameBitsTests.options
        options.wire = wire
        options.compresses = compresses
        return options
    }

    /// Floats as gradients have them: normal, of several scales, some exact zeros.
    static func gradient(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SplitMix(state: seed)
        return (0..<count).map { i in
            let u = Double(generator.next() >> 11) * 0x1p-53 + 1e-18
            let v = Double(generator.next() >> 11) * 0x1p-53
            let scale = exp(Double(i / 384 % 7) * 0.3 - 9)
            return i % 97 == 0 ? 0 : Float((-2 * log(u)).squareRoot() * cos(2 * Double.pi * v) * scale)
        }
    }

    struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    static func encoded(_ values: [Float], _ codec: PayloadCodecs) -> (bytes: [UInt8], format: PayloadFormat) {
        values.withUnsafeBufferPointer {
            let payload = codec.encode($0)
            return (Array(payload.bytes), payload.format)
        }
    }

    static func decoded(_ bytes: [UInt8], _ format: PayloadFormat, _ codec: PayloadCodecs, count: Int) -> [Float]? {
        let to = Floats([Float](repeating: 77, count: count))
        // One byte further, as frames may lie anywhere.
        let shifted = [0] + bytes
        let isWhole = shifted.withUnsafeBytes {
            codec.decode(UnsafeRawBufferPointer(rebasing: $0.dropFirst()), format, count: count, to: to.pointer)
        }
        let floats = (0..<count).map { to.pointer[$0] }
        if !isWhole { #expect(floats.allSatisfy { $0 == 77 }, "nothing is written unless all is well") }
        return isWhole ? floats : nil
    }

    @Test(arguments: WirePrecision.allCases, [false, true])
    func `what is encoded is decoded to the same bits`(_ wire: WirePrecision, _ compresses: Bool) {
        let codec = PayloadCodecs(wire: wire, compresses: compresses, capacity: 8192)
        let special: [Float] = [0, -0, .infinity, -.infinity, .nan, 1, -1, .leastNonzeroMagnitude, 0x1p-140, 3.4e38]
        for values in [[], [1], special, Self.gradient(4096, seed: 1), Self.gradient(8191, seed: 2)] {
            let rounded = wire == .float32 ? values : values.map { BFloat16($0).float }
            let (bytes, format) = Self.encoded(rounded, codec)
            #expect(format.fits(bytes.count, count: values.count) || values.isEmpty)
            let back = Self.decoded(bytes, format, codec, count: values.count)
            #expect(back?.map(\.bitPattern) == rounded.map(\.bitPattern))
        }
    }

    @Test func `gradients become shorter`() {
        let values = Self.gradient(8192, seed: 3)
        let full = Self.encoded(values, PayloadCodecs(wire: .float32, compresses: true, capacity: 8192))
        #expect(full.format.isCompressed && Double(full.bytes.count) < 0.88 * 4 * 8192)
        let half = Self.encoded(
            values.map { BFloat16($0).float }, PayloadCodecs(wire: .bf16, compresses: true, capacity: 8192))
        #expect(half.format.isCompressed && Double(half.bytes.count) < 0.76 * 2 * 8192)
        // Where there is nothing to gain, nothing is lost either.
        var generator = SplitMix(state: 4)
        let noise = (0..<8192).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
        let plain = Self.encoded(noise, PayloadCodecs(wire: .float32, compresses: true, capacity: 8192))
        #expect(!plain.format.isCompressed && plain.bytes.count == 4 * 8192)
    }

    @Test(arguments: WirePrecision.allCases)
    func `altered payloads are refused or hold other floats`(_ wire: WirePrecision) {
        let codec = PayloadCodecs(wire: wire, compresses: true, capacity: 4096)
        let (bytes, format) = Self.encoded(Self.gradient(4096, seed: 5).map { BFloat16($0).float }, codec)
        #expect(format.isCompressed)
        var generator = SplitMix(state: 6)
        for _ in 0..<2000 {
            var altered = bytes
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: altered[Int.random(in: 0..<80, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
            case 1: altered.removeLast(Int.random(in: 1...bytes.count, using: &generator))
            default: altered += [UInt8](repeating: 9, count: Int.random(in: 1...5000, using: &generator))
            }
            // Neither crashes nor writes where it should not: the count is what it says, or nothing.
            _ = Self.decoded(altered, format, codec, count: 4096)
        }
        #expect(Self.decoded(bytes, format, codec, count: 4095) == nil)
        #expect(Self.decoded([], format, codec, count: 4096) == nil)
    }

    @Test(arguments: [2, 3, 4])
    func `compression changes no bit`(_ worldSize: Int) throws {
        let world = try World(worldSize, options: Self.options(.float32, compresses: true))
        defer { world.close() }
        try world.connect()
        for leafCount in [1, 5, 8] {
            let job = Job(leafCount: leafCount, buckets: SameBitsTests.buckets, seed: UInt64(leafCount))
            let expected = job.expected
            let partition = (0..<worldSize).map { job.tree.leaves(rank: $0, worldSize: worldSize) }
            try world.each { reducer in
                let got = try job.run(
                    reducer, step: UInt64(leafCount), partition: partition, singleLeaves: true, inPlace: true)
                #expect(got.bits == expected)
            }
        }
        #expect(world.reducers.allSatisfy { $0.refusedMessages == 0 })
    }

    /// With error feedback, what all steps together have delivered is what went in, but for one rounding.
    @Test(arguments: [false, true])
    func `rounding loses nothing in the long run`(_ compresses: Bool) throws {
        let (worldSize, count, steps) = (3, 9000, 40)
        let world = try World(worldSize, options: Self.options(.bf16, compresses: compresses))
        defer { world.close() }
        try world.connect()
        let inputs = (0..<4).map { Self.gradient(count, seed: UInt64($0)) }
        let sums = LockedArray<[Double]>(repeating: [], count: worldSize)
        let lossy = LockedArray<[Double]>(repeating: [], count: worldSize)
        try world.each { reducer in
            let tree = ReductionTree(leafCount: 4)
            let partition = [0..<1, 1..<3, 3..<4]
            for (feedback, place) in [(true, sums), (false, lossy)] {
                let residual = Floats([Float](repeating: 0, count: count))
                var total = [Double](repeating: 0, count: count)
                for step in 0..<steps {
                    let mine = partition[reducer.rank].map { Floats(inputs[$0]) }
                    let result = Floats([Float](repeating: 0, count: count))
                    try reducer.begin(
                        ReductionStep(
                            number: UInt64(step + (feedback ? 0 : steps)), tree: tree, partition: partition,
                            buckets: [0..<5000, 5000..<count], result: result.pointer,
                            residual: feedback ? residual.pointer : nil))
                    for bucket in 0..<2 {
                        reducer.submit(
                            bucket: bucket,
                            contributions: zip(partition[reducer.rank], mine).map {
                                Contribution(node: TreeNode(level: 0, index: $0), base: $1.pointer)
                            })
                    }
                    _ = try reducer.finish()
                    withExtendedLifetime(mine) {
                        for i in 0..<count {
                            #expect(result.pointer[i] == BFloat16(result.pointer[i]).float)
                            total[i] += Double(result.pointer[i])
                        }
                    }
                }
                place.set(reducer.rank, total)
            }
        }
        #expect(sums.values[1] == sums.values[0] && sums.values[2] == sums.values[0], "all ranks have the same sums")
        var (errors, without) = (0.0, 0.0)
        for i in 0..<count {
            let wanted = Double(steps) * inputs.reduce(0) { $0 + Double($1[i]) }
            let size = Double(inputs.map { abs($0[i]) }.max() ?? 0) + abs(wanted) / Double(steps)
            #expect(abs(sums.values[0][i] - wanted) <= size * 4 / 128, "more than a few roundings are missing at \(i)")
            errors += abs(sums.values[0][i] - wanted)
            without += abs(lossy.values[0][i] - wanted)
        }
        #expect(errors < without / 5)
    }

    @Test func `ranks with different wires refuse each other`() throws {
        let folder = try World.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reducers = try [WirePrecision.float32, .bf16].enumerated().map { rank, wire in
            try AllReducer(
                rank: rank, worldSize: 2, generation: 1, bind: "ipc://\(folder)/\(rank)",
                options: Self.options(wire, compresses: false))
        }
        let endpoints = reducers.map(\.endpoint)
        let errors = World.parallel(2) { try reducers[$0].connect(to: endpoints) }
        #expect(errors.contains { "\($0 as Any)".contains("another format") })
        _ = World.parallel(2) { reducers[$0].close() }
    }
}
