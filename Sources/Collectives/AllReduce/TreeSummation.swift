import CKernels

/// Runs a ``SummationProgram`` over floats, chunk by chunk while they are in the processor's cache.
///
/// Used by one thread; the scratch memory grows to the deepest program and is kept.
final class TreeSummation {
    private var scratch: UnsafeMutablePointer<Float>?
    private var capacity = 0

    deinit { scratch?.deallocate() }

    /// Writes the sum of `inputs`, `count` floats each, to `result`.
    ///
    /// - Parameters:
    ///   - inputs: As many as the program pushes. `result` may be one of them.
    ///   - finish: Called for each chunk of the sum, in order, with its number and floats, which it may change.
    func sum(
        _ inputs: [UnsafePointer<Float>], by program: SummationProgram, count: Int,
        into result: UnsafeMutablePointer<Float>,
        finish: (_ chunk: Int, _ floats: UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        let scratch = reserve(program.stackDepth * AllReducePlan.chunkFloats)
        var stack: [UnsafePointer<Float>] = []
        stack.reserveCapacity(program.stackDepth)
        for (chunk, start) in stride(from: 0, to: count, by: AllReducePlan.chunkFloats).enumerated() {
            let length = min(AllReducePlan.chunkFloats, count - start)
            let sum = result + start
            stack.removeAll(keepingCapacity: true)
            for (i, operation) in program.operations.enumerated() {
                switch operation {
                case .push(let input): stack.append(inputs[input] + start)
                case .add:
                    let right = stack.removeLast()
                    let left = stack.removeLast()
                    // The last addition writes the result, after all reads: it may be one of the inputs.
                    let isLast = i + 1 == program.operations.count
                    let to = isLast ? sum : scratch + stack.count * AllReducePlan.chunkFloats
                    add(left, right, to: to, count: length)
                    stack.append(UnsafePointer(to))
                }
            }
            if let root = stack.last, root != UnsafePointer(sum) { sum.update(from: root, count: length) }
            finish(chunk, UnsafeMutableBufferPointer(start: sum, count: length))
        }
    }

    private func reserve(_ floats: Int) -> UnsafeMutablePointer<Float> {
        if let scratch, floats <= capacity { return scratch }
        scratch?.deallocate()
        let made = UnsafeMutableRawPointer.allocate(byteCount: floats * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: floats)
        (scratch, capacity) = (made, floats)
        return made
    }

    /// `to = left + right`, where `to` may be either. IEEE addition commutes, so the order of the operands is free.
    private func add(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, to: UnsafeMutablePointer<Float>, count: Int
    ) {
        if left == UnsafePointer(to) {
            shoal_add(to, right, count)
        } else if right == UnsafePointer(to) {
            shoal_add(to, left, count)
        } else {
            shoal_sum(to, left, right, count)
        }
    }
}
