import Numerics
import Testing

@Suite struct PaddedRowsTests {
    @Test func `rows are rounded up, never down, and by a sixty-fourth at the most`() {
        var last = 0
        var shapes: Set<Int> = []
        for rows in 0...20_000 {
            let padded = Matmul.paddedRows(rows)
            #expect(padded >= rows && padded >= last && padded <= rows + rows / 64, "\(rows)")
            #expect(Matmul.paddedRows(padded) == padded, "\(rows)")
            last = padded
            if rows >= 128 { shapes.insert(padded) }
        }
        // Half of the octave from 128 to 256, and so on: 64 shapes for each.
        #expect(shapes.count < 64 * 8)
    }
}
