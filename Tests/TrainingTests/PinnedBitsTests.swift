import Testing

@testable import Training

/// The weights after three optimizer steps, written down: whatever changes them changes `weights_sha256`. They are the
/// same on every machine: the loops contract no products and sums (FP_CONTRACT OFF), and every operation is rounded
/// correctly.
@Suite struct PinnedBitsTests {
    private static let adamW: [UInt32] = [
        0xc01df1e5, 0xbfc25153, 0xbefb1a2e, 0x3ef862b8, 0x3fbcf538, 0x4020885b, 0x405ed20b, 0xbba14279, 0x3ea48051,
        0x3f18df32, 0x3f663bf0, 0x3f9cc140, 0x3f7f3b98, 0x3f618594, 0x3f45723a, 0x3f3099b7, 0x3f14865d, 0x3ee5b5a2,
        0x3ead8eed, 0x3e6ad06e, 0x3df50602, 0x3c23594c, 0xbdcc2faf, 0xbe566543, 0xbeae89b4, 0xbee6b06c, 0xbf043b30,
        0xbf25e6bc, 0xbf41fa16, 0xbf5e0d72,
    ]
    private static let nesterov: [UInt32] = [
        0xc01abf95, 0xbfc41915, 0xbf019ecd, 0x3ef014e2, 0x3fbbe6eb, 0x401f984d, 0x405e029c, 0x3b86ad2c, 0x3ead0e13,
        0x3f1f0059, 0x3f5d9525, 0x3fa18df8, 0x3f7df169, 0x3f608cd2, 0x3f43283b, 0x3f2f6888, 0x3f10d762, 0x3ee48c78,
        0x3eacae68, 0x3e69a0aa, 0x3df3c90a, 0x3c2285fc, 0xbdcb278b, 0xbe554feb, 0xbea7ca3d, 0xbee4ec89, 0xbf03dcdb,
        0xbf25101d, 0xbf40ff28, 0xbf5cee30,
    ]

    @Test(arguments: [
        (Hyperparameters(optimizer: .adamW(), weightDecay: 0.1), adamW),
        (Hyperparameters(optimizer: .sgd(momentum: 0.9, nesterov: true), weightDecay: 0.1), nesterov),
    ])
    func `weights after three steps`(_ settings: Hyperparameters, _ expected: [UInt32]) {
        var bench = Bench(start: OptimizerTests.start)
        for step in 0..<3 {
            let dense = (0..<12).map { Float(($0 * 7 + step * 3) % 11) - 5 }
            let rows: [Int32] = [[1, 4], [], [0]][step]
            let table = (0..<(rows.count * 3)).map { Float(($0 + step) % 5) - 2 }
            let scalars = OptimizerStep(
                settings, appliedSteps: UInt64(step), learningRate: 0.01, gradientScale: 0.3)
            bench.step(scalars, gradient: Bench.gradient(dense: dense, table: table), rows: rows)
        }
        let bits = bench.tensors.map(\.bitPattern)
        #expect(bits == expected)
    }
}
