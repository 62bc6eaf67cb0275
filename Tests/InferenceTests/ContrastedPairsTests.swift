import Testing
import Tokenization

@testable import Inference

/// Pairs of texts that SetFit's recipe compares.
@Suite struct ContrastedPairsTests {
    private func pairs(_ classes: [Int], rounds: Int = 4, seed: UInt64 = 1) -> ContrastedPairs {
        ContrastedPairs(
            classes.indices.map { Encoding(inputIDs: [Int32($0)], typeIDs: [0]) }, classes: classes, rounds: rounds,
            seed: seed)
    }

    @Test func `every text begins as many pairs of its class as of others`() {
        let classes = [0, 1, 0, 2, 1, 0, 2, 1]
        let pairs = pairs(classes)
        #expect(pairs.count == 2 * 4 * 8)
        var begun = [Int](repeating: 0, count: 8)
        for index in 0..<pairs.count {
            let (first, second, isOfOneClass) = pairs.pair(index)
            begun[first] += isOfOneClass ? 1 : -1
            #expect((classes[first] == classes[second]) == isOfOneClass)
            #expect(first != second)
            #expect(pairs.encodings(index).map(\.inputIDs) == [[Int32(first)], [Int32(second)]])
            #expect(pairs.target(index) == .values([isOfOneClass ? 1 : 0]))
        }
        #expect(begun.allSatisfy { $0 == 0 })
    }

    @Test func `all other texts are drawn, by the seed`() {
        let classes = [0, 0, 0, 1, 1, 2]
        let many = pairs(classes, rounds: 200)
        for first in classes.indices {
            var seen: Set<Int> = []
            for index in 0..<many.count where many.pair(index).first == first { seen.insert(many.pair(index).second) }
            // The only text of a class is paired with itself.
            #expect(seen == Set(classes.indices).subtracting(first == 5 ? [] : [first]), "of text \(first)")
        }
        let (one, other) = (pairs(classes), pairs(classes, seed: 2))
        #expect((0..<one.count).contains { one.pair($0).second != other.pair($0).second })
    }

    @Test func `texts that are compared have their classes`() {
        let texts = ContrastedTexts([Encoding(inputIDs: [4], typeIDs: [0])], classes: [7])
        #expect(texts.count == 1 && texts.encodings(0).map(\.inputIDs) == [[4]])
        #expect(texts.target(0) == .classIndex(7))
    }
}
