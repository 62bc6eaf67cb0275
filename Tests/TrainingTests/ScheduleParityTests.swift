import Testing

@testable import Training

private struct ScheduleFixture: Decodable {
    struct Case: Decodable {
        var kind: ScheduleKind
        var rate: Double
        var warmup: Int
        var total: Int
        var rates: [Double]
    }
    struct Run: Decodable {
        var rate: Double
        var count: Int
        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            rate = try values.decode(Double.self)
            count = try values.decode(Int.self)
        }
    }
    struct Plateau: Decodable {
        var losses: String
        var settings: PlateauSettings
        var runs: [Run]
    }
    var cases: [Case]
    var sequences: [String: [Double]]
    var plateaus: [Plateau]
}

@Suite struct ScheduleParityTests {
    private let data: ScheduleFixture

    init() throws { data = try fixture("schedules.json") }

    @Test(arguments: 0..<15) func `equals transformers over 200 steps`(_ index: Int) {
        let test = data.cases[index]
        let schedule = LearningRateSchedule(
            ScheduleSettings(kind: test.kind, learningRate: test.rate, warmup: .steps(test.warmup)),
            totalSteps: test.total)
        #expect(test.rates.count == 200)
        for (step, want) in test.rates.enumerated() {
            #expect(abs(schedule.rate(at: step) - want) <= 1e-12, "\(test.kind) step \(step)")
        }
    }

    @Test(arguments: 0..<20) func `plateau equals PyTorch over 200 evaluations`(_ index: Int) throws {
        let test = data.plateaus[index]
        let losses = try #require(data.sequences[test.losses])
        let want = test.runs.flatMap { [Double](repeating: $0.rate, count: $0.count) }
        #expect(want.count == losses.count)
        var schedule = LearningRateSchedule(
            ScheduleSettings(kind: .plateau, learningRate: 1e-3, plateau: test.settings), totalSteps: 200)
        for (i, loss) in losses.enumerated() {
            schedule.observe(loss: loss, completedSteps: i + 1)
            #expect(abs(schedule.rate(at: i + 1) - want[i]) <= 1e-12, "evaluation \(i)")
            // Going on from a checkpoint changes nothing.
            var restored = LearningRateSchedule(schedule.settings, totalSteps: 200)
            try restored.restore(schedule.state)
            #expect(restored == schedule)
        }
    }

    @Test func `fixture has all cases`() { #expect(data.cases.count == 15 && data.plateaus.count == 20) }
}
