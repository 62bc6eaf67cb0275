import Inference
import Testing

@Suite struct LengthSortedBatchesTests {
    /// Lengths of `count` texts, many of them equal.
    private func lengths(_ count: Int) -> [Int] { (0..<count).map { 1 + ($0 * $0 * 31 + 7 * $0) % 23 } }

    @Test func `texts come together from the longest on, and none is left out or twice`() {
        let lengths = [3, 9, 3, 5, 9, 1]
        let sorted = LengthSortedBatches(lengths: lengths, batchTokens: 14)
        #expect(sorted.batches == [[1], [4, 3], [0, 2, 5]])
        for limit in [1, 7, 50, 10_000] {
            let lengths = self.lengths(200)
            let batches = LengthSortedBatches(lengths: lengths, batchTokens: limit).batches
            #expect(batches.joined().sorted() == Array(0..<200))
            let inOrder = batches.flatMap { $0 }.map { lengths[$0] }
            #expect(inOrder == lengths.sorted(by: >))
            // Only a text that is longer than a batch may be has more, and it is alone.
            #expect(batches.allSatisfy { $0.count == 1 || $0.reduce(0) { $0 + lengths[$1] } <= limit })
        }
    }

    @Test func `every text gets its own outputs back`() {
        for (count, limit) in [(1, 5), (2, 1), (40, 30), (41, 1000)] {
            let lengths = lengths(count)
            let sorted = LengthSortedBatches(lengths: lengths, batchTokens: limit)
            let outputs = sorted.batches.map { $0.flatMap { [Float($0), -Float(lengths[$0])] } }
            let expected = lengths.enumerated().map { [Float($0), -Float($1)] }
            #expect(sorted.unsorted(outputs, floats: { _ in 2 }) == expected)
        }
        #expect(LengthSortedBatches(lengths: [], batchTokens: 9).unsorted([], floats: { _ in 2 }) == [])
    }

    @Test func `outputs of other batches are refused`() {
        let sorted = LengthSortedBatches(lengths: [4, 2, 4], batchTokens: 6)
        #expect(sorted.batches == [[0], [2, 1]])
        #expect(sorted.unsorted([[1], [2, 3]], floats: { _ in 1 }) == [[1], [3], [2]])
        #expect(sorted.unsorted([[1]], floats: { _ in 1 }) == nil)
        #expect(sorted.unsorted([[1], [2]], floats: { _ in 1 }) == nil)
        #expect(sorted.unsorted([[1], [2, 3]], floats: { _ in 2 }) == nil)
    }
}
