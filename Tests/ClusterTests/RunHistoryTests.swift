import Foundation
import Testing
import Training

@testable import Cluster

@Suite struct RunHistoryTests {
    /// Epochs of three steps; a plateau schedule that halves the rate after two epochs without improvement.
    private func history(validation: Bool = false, totalSteps: Int = 30) -> RunHistory {
        let schedule = LearningRateSchedule(
            ScheduleSettings(kind: .plateau, learningRate: 1), totalSteps: totalSteps)
        return RunHistory(
            base: RunHistory.Point(step: 0, schedule: schedule), stepsPerEpoch: 3, steps: 0..<totalSteps,
            hasValidation: validation)
    }

    @Test func `any earlier point is that of the time`() throws {
        var history = history()
        var points = [history.current]
        for step in 0..<20 {
            history.add(loss: Double(100 - step), samples: 8 + step % 3)
            // What was passed at an epoch's end is not part of the point there.
            if (step + 1) % 3 != 0 {
                points.append(history.current)
            } else {
                points.append(try #require(history.point(at: step + 1)))
            }
        }
        for (step, point) in points.enumerated() { #expect(history.point(at: step) == point) }
        #expect(history.point(at: 21) == nil)
        #expect(history.point(at: 7)?.epochSamples == 8)
    }

    @Test func `going back and forward gives the same`() throws {
        var history = history()
        for step in 0..<20 { history.add(loss: Double(step % 5), samples: 8) }
        var again = history
        let went = again.rewind(to: 8)
        #expect(went)
        #expect(again.end == 8)
        for step in 8..<20 { again.add(loss: Double(step % 5), samples: 8) }
        #expect(again.current == history.current)
        let beyond = again.rewind(to: 21)
        #expect(!beyond)
    }

    @Test func `what was forgotten is no longer known`() throws {
        var history = history()
        for step in 0..<20 { history.add(loss: Double(step % 5), samples: 8) }
        let point = history.point(at: 12)
        history.forget(before: 10)
        #expect(history.point(at: 9) == nil)
        #expect(history.point(at: 12) == point)
        let before = history.rewind(to: 9)
        #expect(!before)
        #expect(history.end == 20)
    }

    @Test func `an evaluation that is missing stands in the way`() throws {
        var history = history(validation: true)
        for _ in 0..<3 { history.add(loss: 1, samples: 8) }
        #expect(!history.canAdd)
        history.passBarrier(validationLoss: 0.5)
        #expect(history.canAdd(upTo: 6))
        #expect(!history.canAdd(upTo: 7))
        history.note(validationLoss: 0.25, at: 6)
        #expect(history.canAdd(upTo: 9))
        let went = history.rewind(to: 3)
        #expect(went)
        #expect(!history.canAdd, "what came at the step to which it went back is to be done again")
    }

    @Test func `the log of a coordinator that is no more is replayed`() throws {
        let text = """
            {"step":1,"loss":2,"samples":8}
            {"step":2,"loss":1.5,"samples":8}
            {"step":3,"loss":1,"samples":4}
            {"evaluation":"validation","step":3,"loss":0.75}
            {"step":4,"loss":0.5,"samples":8}
            {"step":5,"loss":0.2
            """
        let path = NSTemporaryDirectory() + "shoal-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let log = try MetricsLog(path: path)
        #expect(log.lines.map(\.step) == [1, 2, 3, 3, 4], "the line that was cut off does not count")
        #expect(log.upTo(3).map(\.step) == [1, 2, 3], "what came at the step is to be done again")
        #expect(log.upTo(4).map(\.step) == [1, 2, 3, 3, 4])
        var replayed = history(validation: true)
        log.replay(into: &replayed)
        #expect(replayed.end == 4)
        #expect(replayed.current.schedule.state["best"] == 0.75)
        #expect(replayed.current.epochSamples == 8)
        var without = history(validation: true)
        MetricsLog(lines: log.lines.filter { $0.evaluation == nil }).replay(into: &without)
        #expect(without.end == 3)
    }
}
