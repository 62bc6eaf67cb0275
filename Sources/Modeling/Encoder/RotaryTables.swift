import Foundation
import Numerics

/// The cosines and sines of rotary positions, for positions as far as a micro-batch has needed them.
final class RotaryTables {
    /// Of one base and head size: (length, size / 2) cosines, and as many sines behind them.
    struct Table {
        fileprivate let memory: FloatBuffer
        let length: Int

        var cosines: UnsafePointer<Float> { UnsafePointer(memory.pointer) }
        var sines: UnsafePointer<Float> { UnsafePointer(memory.pointer + memory.count / 2) }
    }

    private struct Key: Hashable {
        var base: Float
        var size: Int
    }

    private var tables: [Key: Table] = [:]

    /// The table for sequences of up to `length` tokens.
    func table(base: Float, size: Int, length: Int) -> Table {
        let key = Key(base: base, size: size)
        if let known = tables[key], known.length >= length { return known }
        // Doubling keeps growth rare.
        let length = max(length, 2 * (tables[key]?.length ?? 0))
        let half = size / 2
        let memory = FloatBuffer(count: 2 * length * half)
        for i in 0..<half {
            // Frequencies and angles in float32, as in the reference.
            let frequency = 1 / powf(base, Float(2 * i) / Float(size))
            for position in 0..<length {
                let angle = Double(Float(position) * frequency)
                memory.pointer[position * half + i] = Float(cos(angle))
                memory.pointer[(length + position) * half + i] = Float(sin(angle))
            }
        }
        let table = Table(memory: memory, length: length)
        tables[key] = table
        return table
    }
}
