import CLinux
import Foundation

/// Processors of this machine, by the numbers that Linux gives them.
public struct ProcessorSet: Sendable, Equatable, CustomStringConvertible {
    /// More than any Linux kernel is built for.
    private static let limit = 8192

    /// Ascending, each once, never empty.
    public let numbers: [Int]

    /// The set of `numbers`; nil if that is none, or one is out of range.
    public init?(_ numbers: some Sequence<Int>) {
        self.numbers = Set(numbers).sorted()
        guard let first = self.numbers.first, let last = self.numbers.last, first >= 0, last < Self.limit else {
            return nil
        }
    }

    /// Reads a list as `taskset` and the kernel have it: "0-3,8"; nil if it is none.
    public init?(parsing text: String) {
        var numbers: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low >= 0,
                low <= high, high < Self.limit
            else { return nil }
            numbers += low...high
        }
        self.init(numbers)
    }

    /// As ``init(parsing:)`` reads it.
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound == number - 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }

    /// Those that this process may use; nil if the system does not say.
    public static var allowed: ProcessorSet? {
        var mask = [UInt8](repeating: 0, count: limit / 8)
        guard shoal_get_affinity(0, &mask, mask.count) == 0 else { return nil }
        return ProcessorSet((0..<limit).filter { mask[$0 / 8] & 1 << UInt8($0 % 8) != 0 })
    }

    /// Lets all threads of this process, and those that they will start, run on these processors alone.
    ///
    /// - Returns: 0, or the `errno` of what failed: EINVAL where none of the processors may be used.
    func pinProcess() -> Int32 {
        var mask = [UInt8](repeating: 0, count: Self.limit / 8)
        for number in numbers { mask[number / 8] |= 1 << UInt8(number % 8) }
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        // Thread 0 is the caller.
        for thread in [0] + tasks.compactMap({ Int64($0) }) {
            let code = shoal_set_affinity(thread, mask, mask.count)
            // A thread that has ended since needs no place.
            if code != 0, code != ESRCH { return code }
        }
        return 0
    }
}
