import CKernels
import Testing

@testable import Numerics

@Suite struct PhiloxTests {
    /// The known answers of the Random123 library's own test file for philox4x32-10.
    @Test(arguments: [
        (
            SIMD4<UInt32>(0, 0, 0, 0), UInt64(0),
            SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
        ),
        (
            SIMD4<UInt32>(repeating: 0xffff_ffff), UInt64.max,
            SIMD4<UInt32>(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
        ),
        (
            SIMD4<UInt32>(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), UInt64(0x299f_31d0_a409_3822),
            SIMD4<UInt32>(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
        ),
    ])
    func `gives the published answers`(counter: SIMD4<UInt32>, key: UInt64, expected: SIMD4<UInt32>) {
        #expect(Philox(seed: key)(counter) == expected)
    }

    @Test func `the C kernel draws the same numbers`() {
        let seed: UInt64 = 0x1234_5678_9abc_def0
        let blocks = 37
        var keep = [UInt8](repeating: 9, count: blocks * 8 + 3)
        let threshold: UInt32 = 20000
        shoal_dropout_keep(
            &keep, blocks, 5, 6, 7, 8, UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32),
            threshold)
        let philox = Philox(seed: seed)
        for block in 0..<blocks {
            let words = philox(SIMD4(5 + UInt32(block), 6, 7, 8))
            for e in 0..<8 {
                let half = (words[e / 2] >> (e % 2 == 0 ? 0 : 16)) & 0xffff
                #expect(keep[block * 8 + e] == (half >= threshold ? 1 : 0))
            }
        }
        #expect(keep[(blocks * 8)...].allSatisfy { $0 == 9 }, "nothing is written behind the end")
    }

    @Test func `masks drop the asked share`() {
        var keep = [UInt8](repeating: 0, count: 80_000)
        shoal_dropout_keep(&keep, 10_000, 0, 1, 2, 3, 4, 5, 6554)
        let dropped = keep.count { $0 == 0 }
        // 80,000 draws at p = 0.1: standard deviation 85.
        #expect(abs(dropped - 8000) < 425)
    }

    @Test func `streams differ by seed, purpose and number`() {
        func first(_ seed: UInt64, _ purpose: RandomPurpose, _ stream: UInt32) -> UInt64 {
            var s = PhiloxStream(seed: seed, purpose: purpose, stream: stream)
            return s.next()
        }
        let values = [
            first(1, .shuffle, 0), first(2, .shuffle, 0), first(1, .shots, 0), first(1, .shuffle, 1),
            first(1 << 40, .shuffle, 0),
        ]
        #expect(Set(values).count == values.count)
        #expect(first(1, .shuffle, 0) == values[0])
    }

    @Test func `integers below a bound are uniform`() {
        var stream = PhiloxStream(seed: 11, purpose: .shuffle)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[stream.next(below: 7)] += 1 }
        // Standard deviation 93.
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
        #expect(stream.next(below: 1) == 0)
    }

    @Test func `units lie in the half-open interval`() {
        var stream = PhiloxStream(seed: 5, purpose: .split)
        var sum = 0.0
        for _ in 0..<10_000 {
            let u = stream.nextUnit()
            #expect(u >= 0 && u < 1)
            sum += u
        }
        #expect(abs(sum / 10_000 - 0.5) < 0.02)
    }

    @Test func `a shuffle keeps every element`() {
        var stream = PhiloxStream(seed: 5, purpose: .shuffle)
        var values = Array(0..<1000)
        stream.shuffle(&values)
        #expect(values != Array(0..<1000))
        #expect(values.sorted() == Array(0..<1000))
        var one = [3]
        stream.shuffle(&one)
        #expect(one == [3])
    }
}
