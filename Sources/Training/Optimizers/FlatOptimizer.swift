import Support

/// Applies optimizer steps to the trained part of the flat parameter vector, whose end may be an embedding table with a
/// compact gradient.
///
/// The gradient holds one float for each of `[0, table.offset)`, then the rows `rows` of the table, one after the
/// other, in ascending order; the rows not named have a zero gradient. Rows that never had a gradient have zero
/// moments, which is remembered (one bit per row), so that they cost no more than their decay.
public struct FlatOptimizer: Sendable {
    /// The tensors before the table, by ascending offset, not overlapping. What lies between and behind them is never
    /// touched.
    public let segments: [ParameterSegment]
    /// The embedding table; nil where it is not trained.
    public let table: ParameterSegment?
    /// The floats of one row of the table.
    public let rowWidth: Int
    /// Whether a row may have moments other than zero.
    private var active: [Bool]

    /// An optimizer whose moments are all zero. `segments` must come before `table`, in order of their offsets.
    public init(segments: [ParameterSegment], table: ParameterSegment?, rowWidth: Int) {
        let tableCount = table?.count ?? 0
        precondition(rowWidth > 0 && tableCount % rowWidth == 0, "a table holds whole rows")
        var end = 0
        for segment in segments + [table].compactMap(\.self) {
            precondition(segment.offset >= end && segment.count >= 0, "segments in order, not overlapping")
            end = segment.offset + segment.count
        }
        self.segments = segments
        self.table = table
        self.rowWidth = rowWidth
        active = [Bool](repeating: false, count: tableCount / rowWidth)
    }

    /// The rows of the table; none where it is not trained.
    public var rowCount: Int { active.count }

    /// To be called before the first ``apply(_:to:gradient:rows:in:)`` of a step: these rows, which must be in
    /// the table, have a gradient now and moments from now on. Without a table there is nothing to do.
    public mutating func activate(_ rows: [Int32]) {
        guard table != nil else { return }
        for row in rows { active[Int(row)] = true }
    }

    /// To be called after the moments have been replaced (a checkpoint, a peer's state): looks at them.
    public mutating func inspectMoments(of state: OptimizerState) {
        guard let table else { return }
        for row in 0..<rowCount {
            let start = table.offset + row * rowWidth
            active[row] = (start..<(start + rowWidth)).contains { state.first[$0] != 0 || state.second[$0] != 0 }
        }
    }

    /// Takes `step` for the parameters in `range` of the flat vector. Ranges that do not overlap may be done side by
    /// side, and cut anywhere.
    ///
    /// - Parameter gradient: the compact gradient, from its start.
    /// - Parameter rows: the rows of the table that it holds, ascending and distinct; of no use without a table.
    public func apply(
        _ step: OptimizerStep, to state: OptimizerState, gradient: UnsafePointer<Float>, rows: [Int32],
        in range: Range<Int>
    ) {
        for segment in segments {
            let part = segment.range.clamped(to: range)
            guard !part.isEmpty else { continue }
            step.update(
                state, in: part, hasWeightDecay: segment.hasWeightDecay, rateGroup: segment.rateGroup,
                gradient: gradient + part.lowerBound)
        }
        guard let table else { return }
        let part = table.range.clamped(to: range)
        guard !part.isEmpty else { return }
        apply(step, to: state, table: table, gradient: gradient + table.offset, rows: rows, in: part)
    }

    /// The part of the table in `part`, not empty; `gradient` starts at the first of `rows`.
    private func apply(
        _ step: OptimizerStep, to state: OptimizerState, table: ParameterSegment, gradient: UnsafePointer<Float>,
        rows: [Int32], in part: Range<Int>
    ) {
        var row = (part.lowerBound - table.offset) / rowWidth
        let endRow = (part.upperBound - table.offset + rowWidth - 1) / rowWidth
        var next = rows.partitioningIndex { Int($0) >= row }
        func floats(_ rows: Range<Int>) -> Range<Int> {
            let whole = (table.offset + rows.lowerBound * rowWidth)..<(table.offset + rows.upperBound * rowWidth)
            return whole.clamped(to: part)
        }
        while row < endRow {
            let target = next < rows.count ? min(Int(rows[next]), endRow) : endRow
            // Rows before the next one with a gradient, in runs of one kind.
            while row < target {
                let idle = step.keepsZeroMoments && !active[row]
                var end = row + 1
                while end < target, (step.keepsZeroMoments && !active[end]) == idle { end += 1 }
                if idle {
                    step.updateIdle(
                        state, in: floats(row..<end), hasWeightDecay: table.hasWeightDecay, rateGroup: table.rateGroup)
                } else {
                    step.update(
                        state, in: floats(row..<end), hasWeightDecay: table.hasWeightDecay, rateGroup: table.rateGroup,
                        gradient: nil)
                }
                row = end
            }
            guard row < endRow else { break }
            let range = floats(row..<(row + 1))
            let skipped = range.lowerBound - (table.offset + row * rowWidth)
            precondition(active[row], "a row with a gradient must be activated first")
            step.update(
                state, in: range, hasWeightDecay: table.hasWeightDecay, rateGroup: table.rateGroup,
                gradient: gradient + next * rowWidth + skipped)
            row += 1
            next += 1
        }
    }
}
