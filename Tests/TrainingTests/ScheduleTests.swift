import Foundation
import Testing

@testable import Training

@Suite struct ScheduleTests {
    func schedule(_ kind: ScheduleKind, warmup: Warmup = .none, total: Int = 100) -> LearningRateSchedule {
        LearningRateSchedule(ScheduleSettings(kind: kind, learningRate: 1, warmup: warmup), totalSteps: total)
    }

    @Test func `plateau warms up to its own rate`() {
        var plateau = schedule(.plateau, warmup: .steps(10))
        #expect(plateau.rate(at: 0) == 0)
        #expect(plateau.rate(at: 5) == 0.5)
        #expect(plateau.rate(at: 10) == 1)
        plateau.observe(loss: 1, completedSteps: 20)
        plateau.observe(loss: 1, completedSteps: 30)
        plateau.observe(loss: 1, completedSteps: 40)
        #expect(plateau.rate(at: 40) == 0.5)
    }

    @Test func `no loss during warmup counts against the plateau`() {
        var plateau = schedule(.plateau, warmup: .steps(50))
        for steps in stride(from: 1, to: 50, by: 1) { plateau.observe(loss: Double(steps), completedSteps: steps) }
        #expect(plateau.rate(at: 50) == 1)
        #expect(plateau.plateau.best == 1)
        plateau.observe(loss: 2, completedSteps: 50)
        plateau.observe(loss: 2, completedSteps: 51)
        #expect(plateau.rate(at: 51) == 0.5)
    }

    @Test func `a loss that is not a number is no improvement`() {
        var plateau = schedule(.plateau)
        plateau.observe(loss: 1, completedSteps: 1)
        plateau.observe(loss: .nan, completedSteps: 2)
        plateau.observe(loss: .nan, completedSteps: 3)
        #expect(plateau.rate(at: 3) == 0.5)
        #expect(plateau.plateau.best == 1)
    }

    @Test(arguments: [ScheduleKind.constant, .linear, .cosine]) func `others do not listen to the loss`(
        _ kind: ScheduleKind
    ) {
        var listening = schedule(kind)
        for i in 0..<20 { listening.observe(loss: 1, completedSteps: i) }
        #expect(listening == schedule(kind))
        #expect(listening.state.isEmpty)
    }

    @Test(arguments: [ScheduleKind.linear, .cosine]) func `ends at zero and stays there`(_ kind: ScheduleKind) {
        #expect(schedule(kind).rate(at: 100) < 1e-15)
        #expect(schedule(.linear).rate(at: 1000) == 0)
        #expect(schedule(kind).rate(at: 99) > 0)
    }

    @Test func `a run without steps has a rate`() {
        for kind in ScheduleKind.allCases {
            #expect(schedule(kind, warmup: .fraction(0.5), total: 0).rate(at: 0).isFinite)
        }
    }

    @Test func `warmup shares are rounded up`() {
        #expect(Warmup.fraction(0.1).steps(of: 101) == 11)
        #expect(Warmup.fraction(0).steps(of: 101) == 0)
        #expect(Warmup.steps(7).steps(of: 3) == 7)
    }

    @Test(arguments: [
        (Warmup.fraction(0.1), 1, 0), (.fraction(0.99), 1, 0), (.steps(1), 1, 0), (.steps(5), 5, 0),
        (.steps(100), 50, 5),
        (.steps(50), 50, 5), (.fraction(0.999), 20, 2), (.steps(.max), 1000, 100),
    ]) func `a warmup that covers the whole run is shortened`(warmup: Warmup, total: Int, steps: Int) {
        #expect(warmup.shortened(for: total) == .steps(steps))
        let schedule = schedule(.linear, warmup: warmup.shortened(for: total) ?? warmup, total: total)
        #expect((0..<total).contains { schedule.rate(at: $0) == 1 })
    }

    @Test(arguments: [
        (Warmup.fraction(0.1), 2), (.fraction(0.1), 1000), (.steps(0), 1), (.steps(49), 50), (.steps(1), 2),
        (.steps(7), 0),
    ]) func `another warmup stays as it is`(warmup: Warmup, total: Int) { #expect(warmup.shortened(for: total) == nil) }

    @Test func `warmup is read from text`() throws {
        #expect(try Warmup(parsing: "100") == .steps(100))
        #expect(try Warmup(parsing: "0.1") == .fraction(0.1))
        #expect(try Warmup(parsing: "10%") == .fraction(0.1))
        #expect(try Warmup(parsing: "0") == .steps(0))
    }

    @Test(arguments: ["", "-1", "1.0", "150%", "nan", "inf", "ten", "-0.1", "0x", "%"])
    func `bad warmup is refused by name`(_ text: String) {
        let message = errorText { _ = try Warmup(parsing: text) }
        #expect(message?.contains("--warmup") == true)
    }

    @Test(arguments: [Warmup.steps(12), .fraction(0.25), .none]) func `warmup survives a file`(_ warmup: Warmup) throws
    {
        let data = try JSONEncoder().encode([warmup])
        #expect(try JSONDecoder().decode([Warmup].self, from: data) == [warmup])
    }

    @Test func `bad warmup in a file is refused`() {
        for text in ["[-3]", "[1.5]", "[\"x\"]", "[true]"] {
            #expect(throws: (any Error).self) { try JSONDecoder().decode([Warmup].self, from: Data(text.utf8)) }
        }
    }

    @Test func `plateau state fits in JSON before the first evaluation`() throws {
        let state = schedule(.plateau).state
        let data = try JSONEncoder().encode(state)
        var other = schedule(.plateau)
        other.observe(loss: 3, completedSteps: 1)
        try other.restore(try JSONDecoder().decode([String: Double].self, from: data))
        #expect(other == schedule(.plateau))
    }

    @Test(arguments: [ScheduleKind.constant, .linear, .cosine])
    func `a state that this kind of schedule does not have is refused`(_ kind: ScheduleKind) {
        let message = errorText {
            var other = schedule(kind)
            try other.restore(schedule(.plateau).state)
        }
        #expect(message?.contains("which the schedule \(kind.rawValue) does not have") == true)
        #expect(throws: Never.self) {
            var other = schedule(kind)
            try other.restore([:])
        }
    }

    @Test(arguments: [
        [:], ["rate": 1], ["rate": -1, "bad_evaluations": 0, "cooldown_left": 0],
        ["rate": 1, "bad_evaluations": 0.5, "cooldown_left": 0],
        ["rate": 1, "bad_evaluations": 0, "cooldown_left": -1],
        ["rate": 1, "bad_evaluations": 1e300, "cooldown_left": 0],
        ["rate": 1, "bad_evaluations": 0, "cooldown_left": 0, "patience": 1],
    ]) func `an altered plateau state is refused`(_ values: [String: Double]) {
        let message = errorText {
            var plateau = schedule(.plateau)
            try plateau.restore(values)
        }
        #expect(message?.contains("state") == true)
    }

    @Test func `bad settings are refused by name`() {
        func message(_ change: (inout ScheduleSettings) -> Void) -> String {
            var settings = ScheduleSettings(kind: .plateau, learningRate: 1e-3)
            change(&settings)
            return errorText { try settings.validate() } ?? "accepted"
        }
        #expect(message { _ in } == "accepted")
        #expect(message { $0.learningRate = 0 }.contains("--learning-rate is 0.0"))
        #expect(message { $0.learningRate = .infinity }.contains("--learning-rate"))
        #expect(message { $0.warmup = .steps(-1) }.contains("--warmup"))
        #expect(message { $0.plateau.patience = -1 }.contains("--patience"))
        #expect(message { $0.plateau.factor = 1 }.contains("--factor"))
        #expect(message { $0.plateau.threshold = .nan }.contains("--threshold"))
        #expect(message { $0.plateau.cooldown = -1 }.contains("--cooldown"))
        #expect(message { $0.plateau.minimumRate = -1 }.contains("--min-learning-rate"))
    }

    @Test func `settings survive a file`() throws {
        let settings = ScheduleSettings(kind: .cosine, learningRate: 2e-5, warmup: .fraction(0.06))
        let data = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(ScheduleSettings.self, from: data) == settings)
    }
}
