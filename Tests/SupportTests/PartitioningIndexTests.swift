import Support
import Testing

struct PartitioningIndexTests {
    @Test func `the first element that belongs behind is found, as by looking at each`() {
        for count in 0..<20 {
            let values = (0..<count).map { $0 / 2 }
            for wanted in -1...11 {
                let slow = values.firstIndex { $0 >= wanted } ?? values.endIndex
                #expect(values.partitioningIndex { $0 >= wanted } == slow)
            }
        }
    }

    @Test func `a slice keeps its own indices`() {
        let slice = [9, 9, 1, 3, 5, 0][2..<5]
        #expect(slice.partitioningIndex { $0 >= 3 } == 3)
        #expect(slice.partitioningIndex { $0 >= 6 } == 5)
    }
}
