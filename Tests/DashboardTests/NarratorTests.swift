@testable import Cluster
import Testing

@testable import Dashboard

struct NarratorTests {
    static let terminal = TerminalTraits(isInteractive: true, usesColor: false)
    static let log = TerminalTraits(isInteractive: false, usesColor: false)

    /// The events of 80 steps, one each `seconds`, told to a narrator.
    private func tell(_ traits: TerminalTraits, stepsEach seconds: Double, width: Int = 120) -> [Narrator.Output] {
        var narrator = Narrator(traits: traits)
        _ = narrator.tell(.started(Samples.summary), at: 0, width: width)
        return (1...80).flatMap {
            narrator.tell(Samples.step($0, seconds: seconds), at: Double($0) * seconds, width: width)
        }
    }

    @Test func aTerminalHasOneLineWithAllThatOneWantsToKnow() {
        let outputs = tell(Self.terminal, stepsEach: 2)
        #expect(
            outputs[9]
                == .live(
                    "epoch 2/10  [==>                     ]  step 10/80  loss 0.5000  lr 9.1e-05  1,000 tokens/s  "
                        + "2 min 20 s left"))
        #expect(outputs.count == 80)
    }

    @Test func theLiveLineIsDrawnAtMostTenTimesASecond() {
        // 80 steps of 10 ms are 0.8 s.
        let drawn = tell(Self.terminal, stepsEach: 0.01).count
        #expect(drawn >= 5 && drawn <= 9)
    }

    @Test func theLastStepIsAlwaysDrawn() throws {
        guard case .live(let last) = try #require(tell(Self.terminal, stepsEach: 0.001).last) else {
            Issue.record("no live line")
            return
        }
        #expect(last.contains("step 80/80"))
        #expect(!last.contains("left"))
    }

    @Test(arguments: 1...130) func theLiveLineLeavesTheLastColumnFree(width: Int) {
        for output in tell(Self.terminal, stepsEach: 2, width: width) {
            guard case .live(let line) = output else {
                Issue.record("not a live line")
                return
            }
            #expect(line.columns <= max(1, width - 1))
        }
    }

    @Test func aNarrowTerminalStillShowsTheStep() {
        #expect(tell(Self.terminal, stepsEach: 2, width: 30)[9] == .live("epoch 2/10  step 10/80"))
    }

    @Test func aLogHasALineAtTheFirstStepAtEachEpochAndEveryTenSeconds() {
        let lines = tell(Self.log, stepsEach: 2).map { output in
            guard case .line(let line) = output else { return "live" }
            return String(line.split(separator: "  ")[1])
        }
        // Steps 1, 6 (10 s later), 8 (an epoch), 13, 16, ... and the last.
        #expect(lines.prefix(5) == ["step 1/80", "step 6/80", "step 8/80", "step 13/80", "step 16/80"])
        #expect(lines.last == "step 80/80")
        #expect(lines.count == 21)
    }

    @Test func theLossShownIsTheMeanOfTheLastTenSteps() {
        var narrator = Narrator(traits: Self.log, plainInterval: 0)
        _ = narrator.tell(.started(Samples.summary), at: 0, width: 80)
        var last: [Narrator.Output] = []
        for step in 1...20 {
            last = narrator.tell(Samples.step(step, loss: Double(step)), at: Double(step), width: 80)
        }
        guard case .line(let line) = last[0] else {
            Issue.record("no line")
            return
        }
        #expect(line.contains("loss 15.5000"))
    }

    @Test func aLogIsNotToldOfThingsThatPassBy() {
        var narrator = Narrator(traits: Self.log)
        #expect(narrator.tell(.training, at: 0, width: 80).isEmpty)
        #expect(narrator.tell(.saving, at: 0, width: 80).isEmpty)
        #expect(narrator.tell(.evaluating(.test, done: 0, total: 9), at: 0, width: 80).count == 1)
        #expect(narrator.tell(.evaluating(.test, done: 5, total: 9), at: 9, width: 80).isEmpty)
        #expect(narrator.tell(.evaluating(.test, done: 8, total: 9), at: 10, width: 80).count == 1)
    }

    @Test func whoStartsWorkersByHandIsToldHow() {
        var narrator = Narrator(traits: Self.log, showsWorkers: true)
        let lines = narrator.tell(.started(Samples.summary), at: 0, width: 80)
        #expect(lines.last == .line("  shoal worker --coordinator ipc:///tmp/x"))
        var secured = Samples.summary
        secured.keys = "my keys"
        #expect(
            narrator.tell(.started(secured), at: 0, width: 80).last
                == .line("  shoal worker --coordinator ipc:///tmp/x --keys 'my keys/workers/NAME'"))
        let worker = WorkerSummary(
            name: "worker 1 (pid 7 on a)", host: "a", pid: 7, threads: 1, cpu: "A CPU", instructionSet: "avx2")
        #expect(
            narrator.tell(.workerJoined(worker, joined: 1, expected: 2), at: 1, width: 80)
                == [.line("worker 1 (pid 7 on a) joined (1 of 2): A CPU, avx2, 1 thread")])
    }

    @Test func whoseWorkersALauncherStartsIsNotToldHow() {
        var narrator = Narrator(traits: Self.log, showsWorkers: true, tellsHowToStart: false)
        let lines = narrator.tell(.started(Samples.summary), at: 0, width: 80)
        #expect(lines.count == 1)
        let worker = WorkerSummary(
            name: "worker 1 (pid 7 on a)", host: "a", pid: 7, threads: 1, cpu: "A CPU", instructionSet: "avx2")
        #expect(narrator.tell(.workerJoined(worker, joined: 1, expected: 2), at: 1, width: 80).count == 1)
    }

    @Test func evaluationsAreOneLineEach() {
        let metrics = Samples.metrics(labels: ["a", "b"], counts: [(0, 0, 3), (1, 0, 1)])
        let record = EvaluationRecord(kind: .validation, step: 8, epoch: 1, metrics: metrics, seconds: 2)
        var narrator = Narrator(traits: Self.log)
        #expect(
            narrator.tell(.evaluation(record), at: 0, width: 80)
                == [
                    .line(
                        "epoch 1: validation: accuracy 0.7500, macro F1 0.4286, loss 0.2500 "
                            + "(4 examples in 2.0 s, 2.0 examples/s)")
                ])
    }

    @Test func aRunThatWaitedIsToldWhatHelps() {
        func end(waited: Double, remedies: [String]) -> [Narrator.Output] {
            var narrator = Narrator(traits: Self.log)
            var summary = Samples.summary
            summary.remediesForWaiting = remedies
            _ = narrator.tell(.started(summary), at: 0, width: 80)
            for step in 1...8 {
                guard case .step(var metrics) = Samples.step(step) else { return [] }
                metrics.allreduceSeconds = step <= WaitingHint.skipped ? 2 : waited
                _ = narrator.tell(.step(metrics), at: Double(step), width: 80)
            }
            return narrator.tell(.finished(Samples.result), at: 9, width: 80)
        }
        #expect(
            end(waited: 1.5, remedies: ["--a", "--b"])
                == [.line("75% of the time went into waiting for the all-reduce; less of it by --a, or --b")])
        #expect(end(waited: 0.4, remedies: ["--a"]).isEmpty)
        #expect(end(waited: 1.5, remedies: []).isEmpty)
    }

    @Test func whatWorkersWriteCannotMoveTheCursor() {
        var narrator = Narrator(traits: Self.log)
        #expect(
            narrator.tell(.workerOutput(worker: "worker 1", line: "\u{1B}[2Jhello"), at: 0, width: 80)
                == [.line("worker 1: \\u{1B}[2Jhello")])
    }

    @Test func colourIsUsedOnlyWhereItIsAllowed() {
        var plain = Narrator(traits: Self.terminal)
        var colored = Narrator(traits: TerminalTraits(isInteractive: true, usesColor: true))
        #expect(plain.tell(.warning("hm"), at: 0, width: 80) == [.line("warning: hm")])
        #expect(colored.tell(.warning("hm"), at: 0, width: 80) == [.line("\u{1B}[33mwarning:\u{1B}[0m hm")])
    }
}
