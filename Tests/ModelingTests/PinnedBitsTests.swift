import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// Values that decide the bits of every run, written down: whatever changes them changes `weights_sha256`, and must be
/// named in the changelog. They are the same on every machine.
@Suite struct PinnedBitsTests {
    private static func configuration(labels: [String] = ["a", "b", "c"]) -> ModelConfiguration {
        .tiny(labels: labels)
    }

    /// Offset, count, `w` where weight decay applies, and name of each tensor.
    @Test func `the order and the offsets of a BERT classifier's tensors`() {
        let layout = ParameterLayout(Self.configuration().classifier())
        let lines = layout.parameters.map {
            "\($0.offset) \($0.count) \($0.hasWeightDecay ? "w" : "-") \(BERT.tensorName($0.id))"
        }
        #expect(lines == Self.pinnedLayout.split(separator: "\n").map(String.init))
        #expect(layout.buckets == [0..<704, 704..<5632, 5632..<10560, 10560..<11056])
        #expect(layout.denseCount == 11056 && layout.count == 12016)
        #expect(layout.stepBuckets(embeddingRows: 5).last == 11056..<11176)
    }

    @Test func `the values of a drawn classifier`() throws {
        let folder = NSTemporaryDirectory() + "shoal-pins-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let stored = ParameterLayout(Self.configuration(labels: ["x", "y"]).classifier())
        let zeros = FloatBuffer(count: stored.count)
        try withExtendedLifetime(zeros) {
            try ModelFolder.write(
                to: folder, configuration: Self.configuration(labels: ["x", "y"]),
                tensors: WeightLoader.tensors(of: zeros, layout: stored, family: BERT.self).filter {
                    !$0.name.contains("pooler")
                },
                tokenizerFrom: nil)
        }
        let labels = Self.configuration().labels
        let layout = ParameterLayout(Self.configuration().classifier())
        let loaded = try WeightLoader.load(
            try ModelFolder(path: folder), Self.configuration().classifier(), layout: layout,
            missingHead: .initialize(seed: 1234), labels: labels)
        func bits(_ name: String) -> [UInt32] {
            layout.parameters.filter { BERT.tensorName($0.id) == name }.flatMap { parameter in
                parameter.range.prefix(8).map { loaded.weights.pointer[$0].bitPattern }
            }
        }
        #expect(
            bits("classifier.weight") == [
                0x3cf5d8a2, 0x3b9736d3, 0xbd21bf0d, 0xbcbd3be8, 0x3acab065, 0xbc717e26, 0x3c6f29e8, 0x3cb807bd,
            ])
        #expect(
            bits("bert.pooler.dense.weight") == [
                0x3d221f8c, 0x3d511f28, 0x3d075eb9, 0xbb60149b, 0xbb0f6bee, 0x3caa01da, 0xbb1556e4, 0xbcaa2f5a,
            ])
        #expect(bits("classifier.bias").allSatisfy { $0 == 0 })
    }

    /// 64 elements for each place that draws a mask of its own: two rows of 32 of sample 5.
    @Test func `dropout masks`() {
        let rate = DropoutRate(0.25)
        let plan = DropoutPlan(seed: 0x1234_5678_9abc_def0, step: 77, hidden: rate, attention: rate, head: rate)
        let sites: [(DropoutPlan.Site, String)] = [
            (.embeddings, "1001111111011111110101011011110101101010111011111111111111011111"),
            (.attention(layer: 1), "1111111101011101110111101101101011011111010011101011111110111110"),
            (.attentionOutput(layer: 1), "1111110111111111101011111111111111110010111011101011110111111111"),
            (.output(layer: 0), "1111111101001101110001111111111011010011001111111111111101001110"),
            (.classifier, "0110011001101110101101011110010111111101100111101011111101101111"),
        ]
        for (site, expected) in sites {
            var keep = [UInt8](repeating: 9, count: 64)
            plan.mask(&keep, rate: rate, site: site, sample: 5, firstRow: 3, rows: 2, width: 32)
            #expect(keep.map { "\($0)" }.joined() == expected, "\(site)")
        }
    }

    private static let pinnedLayout = """
        0 72 w classifier.weight
        80 3 - classifier.bias
        96 576 w bert.pooler.dense.weight
        672 24 - bert.pooler.dense.bias
        704 24 - bert.encoder.layer.1.output.LayerNorm.weight
        736 24 - bert.encoder.layer.1.output.LayerNorm.bias
        768 1152 w bert.encoder.layer.1.output.dense.weight
        1920 24 - bert.encoder.layer.1.output.dense.bias
        1952 1152 w bert.encoder.layer.1.intermediate.dense.weight
        3104 48 - bert.encoder.layer.1.intermediate.dense.bias
        3152 24 - bert.encoder.layer.1.attention.output.LayerNorm.weight
        3184 24 - bert.encoder.layer.1.attention.output.LayerNorm.bias
        3216 576 w bert.encoder.layer.1.attention.output.dense.weight
        3792 24 - bert.encoder.layer.1.attention.output.dense.bias
        3824 576 w bert.encoder.layer.1.attention.self.query.weight
        4400 576 w bert.encoder.layer.1.attention.self.key.weight
        4976 576 w bert.encoder.layer.1.attention.self.value.weight
        5552 24 - bert.encoder.layer.1.attention.self.query.bias
        5576 24 - bert.encoder.layer.1.attention.self.key.bias
        5600 24 - bert.encoder.layer.1.attention.self.value.bias
        5632 24 - bert.encoder.layer.0.output.LayerNorm.weight
        5664 24 - bert.encoder.layer.0.output.LayerNorm.bias
        5696 1152 w bert.encoder.layer.0.output.dense.weight
        6848 24 - bert.encoder.layer.0.output.dense.bias
        6880 1152 w bert.encoder.layer.0.intermediate.dense.weight
        8032 48 - bert.encoder.layer.0.intermediate.dense.bias
        8080 24 - bert.encoder.layer.0.attention.output.LayerNorm.weight
        8112 24 - bert.encoder.layer.0.attention.output.LayerNorm.bias
        8144 576 w bert.encoder.layer.0.attention.output.dense.weight
        8720 24 - bert.encoder.layer.0.attention.output.dense.bias
        8752 576 w bert.encoder.layer.0.attention.self.query.weight
        9328 576 w bert.encoder.layer.0.attention.self.key.weight
        9904 576 w bert.encoder.layer.0.attention.self.value.weight
        10480 24 - bert.encoder.layer.0.attention.self.query.bias
        10504 24 - bert.encoder.layer.0.attention.self.key.bias
        10528 24 - bert.encoder.layer.0.attention.self.value.bias
        10560 24 - bert.embeddings.LayerNorm.weight
        10592 24 - bert.embeddings.LayerNorm.bias
        10624 48 w bert.embeddings.token_type_embeddings.weight
        10672 384 w bert.embeddings.position_embeddings.weight
        11056 960 w bert.embeddings.word_embeddings.weight
        """
}
