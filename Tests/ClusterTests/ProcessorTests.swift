import Testing

@testable import Cluster

@Suite struct ProcessorTests {
    @Test(arguments: [
        ("0", [0]), ("0-3", [0, 1, 2, 3]), ("8,0-2", [0, 1, 2, 8]), ("1,1,0-1", [0, 1]), ("8191", [8191]),
    ])
    func `lists of processors are read`(text: String, numbers: [Int]) throws {
        let set = try #require(ProcessorSet(parsing: text))
        #expect(set.numbers == numbers)
        #expect(ProcessorSet(parsing: set.description) == set)
    }

    @Test(arguments: ["", "a", "-1", "1-", "2-1", "1,,2", "0-8192", "1-2-3", "99999999999999999999", " 1", "0-"])
    func `what is no list is refused`(text: String) {
        #expect(ProcessorSet(parsing: text) == nil)
    }

    @Test func `descriptions are short`() throws {
        #expect(try #require(ProcessorSet([9, 1, 2, 3, 7, 8, 5])).description == "1-3,5,7-9")
        #expect(ProcessorSet([]) == nil && ProcessorSet([-1]) == nil)
    }

    /// Two packages of two cores with two hardware threads each, numbered as Linux does it.
    private static let machine: [Int: CPUAffinityPlan.CPUTopology] = Dictionary(
        uniqueKeysWithValues: (0..<8).map { number in
            let core = number % 4
            return (number, CPUAffinityPlan.CPUTopology(package: core / 2, siblings: "\(core),\(core + 4)"))
        })

    @Test(arguments: [
        (1, 1, ["0"]), (2, 1, ["0", "1"]), (2, 2, ["0-1", "2-3"]), (4, 1, ["0", "1", "2", "3"]),
        (2, 3, ["0-2", "3-5"]), (4, 2, ["0-1", "2-3", "4-5", "6-7"]), (1, 8, ["0-7"]),
    ])
    func `workers get cores, then hardware threads, near each other`(
        workers: Int, threads: Int, expected: [String]
    ) throws {
        let allotment = try #require(CPUAffinityPlan(workers: workers, threads: threads, places: Self.machine))
        #expect(allotment.sets.map(\.description) == expected)
    }

    @Test func `of interleaved packages too`() throws {
        // As machines number them whose even processors are in one package and whose odd ones in the other.
        let places = Dictionary(
            uniqueKeysWithValues: (0..<4).map {
                ($0, CPUAffinityPlan.CPUTopology(package: $0 % 2, siblings: "\($0)"))
            })
        let allotment = try #require(CPUAffinityPlan(workers: 2, threads: 2, places: places))
        #expect(allotment.sets.map(\.description) == ["0,2", "1,3"])
    }

    @Test func `too many are refused`() {
        #expect(CPUAffinityPlan(workers: 3, threads: 3, places: Self.machine) == nil)
    }

    @Test func `this machine's processors have places`() throws {
        let allowed = try #require(ProcessorSet.allowed)
        #expect(Set(CPUAffinityPlan.ownTopology().keys) == Set(allowed.numbers))
    }
}
