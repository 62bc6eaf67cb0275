import Foundation

/// Which processors each of the workers that a run starts gets to itself.
struct CPUAffinityPlan: Equatable {
    /// By worker.
    let sets: [ProcessorSet]

    /// Where a processor stands in its machine.
    struct CPUTopology: Equatable {
        var package: Int
        /// The hardware threads of its core, itself among them: the same text for all of them.
        var siblings: String
    }

    /// Gives each of `workers` its own `threads` of the processors in `places`: first one hardware thread of every
    /// core, then the second ones; neighbours, in the same package where they fit.
    ///
    /// - Returns: nil if there are too few.
    init?(workers: Int, threads: Int, places: [Int: CPUTopology]) {
        guard workers * threads <= places.count else { return nil }
        var seen: [String: Int] = [:]
        let keys = places.sorted { $0.key < $1.key }.map { number, place in
            let turn = seen[place.siblings, default: 0]
            seen[place.siblings] = turn + 1
            return (turn: turn, package: place.package, number: number)
        }
        let order = keys.sorted { ($0.turn, $0.package, $0.number) < ($1.turn, $1.package, $1.number) }.map(\.number)
        let sets = (0..<workers).compactMap { ProcessorSet(order[($0 * threads)..<(($0 + 1) * threads)]) }
        guard sets.count == workers else { return nil }
        self.sets = sets
    }

    /// The processors that this process may use, with their places.
    static func ownTopology() -> [Int: CPUTopology] {
        guard let allowed = ProcessorSet.allowed else { return [:] }
        return Dictionary(
            uniqueKeysWithValues: allowed.numbers.map { number in
                func topology(_ name: String) -> String? {
                    let path = "/sys/devices/system/cpu/cpu\(number)/topology/\(name)"
                    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
                    return text.trimmingCharacters(in: .whitespacesAndNewlines)
                }
                // Where the system does not say, each is a core of its own.
                let package = topology("physical_package_id").flatMap { Int($0) } ?? 0
                return (
                    number, CPUTopology(package: package, siblings: topology("thread_siblings_list") ?? "\(number)")
                )
            })
    }
}
