import Modeling
import Testing
import Tokenization

@testable import Inference

/// Texts beside descriptions of their classes.
@Suite struct ContrastedDescriptionsTests {
    private func encoding(_ id: Int32) -> Encoding { Encoding(inputIDs: [id], typeIDs: [0]) }

    @Test func `texts take turns with the descriptions of their class`() {
        let source = ContrastedDescriptions(
            (0..<5).map { encoding($0) }, classes: [0, 1, 0, 0, 1],
            descriptions: (10..<13).map { encoding($0) }, describedClasses: [0, 1, 0])
        #expect(source.count == 5)
        let pairs = (0..<5).map { source.encodings($0).map { $0.inputIDs } }
        #expect(pairs == [[[0], [10]], [[1], [11]], [[2], [12]], [[3], [10]], [[4], [11]]])
        #expect((0..<5).map { source.target($0) } == [0, 1, 0, 0, 1].map { .classIndex($0) })
        let batch = PackedBatch(packing: [2, 4], encodings: source.encodings, target: source.target)
        #expect(batch.targets == .classes([0, 0, 1, 1]) && batch.tokenIDs == [2, 12, 4, 11])
        #expect(Set(batch.sampleKeys).count == 4)
    }
}
