@testable import Cluster
import Support
import Testing

@testable import Dashboard

struct ProgressRendererTests {
    static let terminal = TerminalTraits(isInteractive: true, usesColor: false)
    static let log = TerminalTraits(isInteractive: false, usesColor: false)

    /// The events of 80 steps, one each `seconds`, given to a renderer.
    private func render(_ traits: TerminalTraits, stepsEach seconds: Double, width: Int = 120) -> [ProgressRenderer
        .Output]
    {
        var renderer = ProgressRenderer(traits: traits)
        _ = renderer.render(.started(Samples.summary), at: 0, width: width)
        return (1...80).flatMap {
            renderer.render(Samples.step($0, seconds: seconds), at: Double($0) * seconds, width: width)
        }
    }

    @Test func `a terminal has one line with all that one wants to know`() {
        let outputs = render(Self.terminal, stepsEach: 2)
        #expect(
            outputs[9]
                == .live(
                    "epoch 2/10  [==>                     ]  step 10/80  loss 0.5000  lr 9.1e-05  1,000 tokens/s  "
                        + "2 min 20 s left"))
        #expect(outputs.count == 80)
    }

    @Test func `windows are counted beside the examples that they are of`() {
        var summary = Samples.summary
        for (texts, resumes, start) in [
            (256, false, "training on 256 examples of 2 classes"),
            (200, true, "going on training on 256 windows of 200 examples"),
        ] {
            (summary.texts, summary.isResumed) = (texts, resumes)
            var renderer = ProgressRenderer(traits: Self.log)
            let lines = renderer.render(.started(summary), at: 0, width: 120)
            guard case .line(let line) = lines.first else {
                Issue.record("no line")
                continue
            }
            #expect(line.hasPrefix(start), "\(line)")
        }
    }

    @Test func `the live line is drawn at most ten times a second`() {
        // 80 steps of 10 ms are 0.8 s.
        let drawn = render(Self.terminal, stepsEach: 0.01).count
        #expect(drawn >= 5 && drawn <= 9)
    }

    @Test func `the last step is always drawn`() throws {
        guard case .live(let last) = try #require(render(Self.terminal, stepsEach: 0.001).last) else {
            Issue.record("no live line")
            return
        }
        #expect(last.contains("step 80/80"))
        #expect(!last.contains("left"))
    }

    @Test(arguments: 1...130) func `the live line leaves the last column free`(width: Int) {
        for output in render(Self.terminal, stepsEach: 2, width: width) {
            guard case .live(let line) = output else {
                Issue.record("not a live line")
                return
            }
            #expect(line.columns <= max(1, width - 1))
        }
    }

    @Test func `a narrow terminal still shows the step`() {
        #expect(render(Self.terminal, stepsEach: 2, width: 30)[9] == .live("epoch 2/10  step 10/80"))
    }

    @Test func `a run of several phases shows which one it is in`() {
        var renderer = ProgressRenderer(traits: Self.log)
        _ = renderer.render(.started(Samples.summary), at: 0, width: 80)
        guard case .step(var metrics) = Samples.step(1) else { return }
        metrics.phase = 2
        guard case .line(let line) = renderer.render(.step(metrics), at: 2, width: 80).first else {
            Issue.record("no line")
            return
        }
        #expect(line.hasPrefix("phase 2 epoch 1 step 1/80"))
    }

    @Test func `a log has a line at the first step, at each epoch and every ten seconds`() {
        let lines = render(Self.log, stepsEach: 2).map { output in
            guard case .line(let line) = output else { return "live" }
            return line.split(separator: " ")[2...3].joined(separator: " ")
        }
        // Steps 1, 6 (10 s later), 8 (an epoch), 13, 16, ... and the last.
        #expect(lines.prefix(5) == ["step 1/80", "step 6/80", "step 8/80", "step 13/80", "step 16/80"])
        #expect(lines.last == "step 80/80")
        #expect(lines.count == 21)
    }

    @Test func `the loss shown is the mean of the last ten steps`() {
        var renderer = ProgressRenderer(traits: Self.log, plainInterval: 0)
        _ = renderer.render(.started(Samples.summary), at: 0, width: 80)
        var last: [ProgressRenderer.Output] = []
        for step in 1...20 {
            last = renderer.render(Samples.step(step, loss: Double(step)), at: Double(step), width: 80)
        }
        guard case .line(let line) = last[0] else {
            Issue.record("no line")
            return
        }
        #expect(line.contains("loss 15.5000"))
    }

    @Test func `a log does not show what passes by`() {
        var renderer = ProgressRenderer(traits: Self.log)
        #expect(renderer.render(.training, at: 0, width: 80).isEmpty)
        #expect(renderer.render(.saving, at: 0, width: 80).isEmpty)
        #expect(renderer.render(.evaluating(.test, done: 0, total: 9), at: 0, width: 80).count == 1)
        #expect(renderer.render(.evaluating(.test, done: 5, total: 9), at: 9, width: 80).isEmpty)
        #expect(renderer.render(.evaluating(.test, done: 8, total: 9), at: 10, width: 80).count == 1)
    }

    @Test func `a user who starts workers by hand is shown how`() {
        var renderer = ProgressRenderer(traits: Self.log, showsWorkers: true)
        let lines = renderer.render(.started(Samples.summary), at: 0, width: 80)
        #expect(lines.last == .line("  shoal worker --coordinator ipc:///tmp/x"))
        var secured = Samples.summary
        secured.keys = "my keys"
        #expect(
            renderer.render(.started(secured), at: 0, width: 80).last
                == .line("  shoal worker --coordinator ipc:///tmp/x --keys 'my keys/workers/NAME'"))
        let worker = WorkerSummary(
            name: "worker 1 (pid 7 on a)", host: "a", pid: 7, threads: 1, cpu: "A CPU", instructionSet: "avx2")
        #expect(
            renderer.render(.workerJoined(worker, joined: 1, expected: 2), at: 1, width: 80)
                == [.line("worker 1 (pid 7 on a) joined (1 of 2): A CPU, avx2, 1 thread")])
    }

    @Test func `a user whose workers a launcher starts is not shown how`() {
        var renderer = ProgressRenderer(traits: Self.log, showsWorkers: true, showsStartCommand: false)
        let lines = renderer.render(.started(Samples.summary), at: 0, width: 80)
        #expect(lines.count == 1)
        let worker = WorkerSummary(
            name: "worker 1 (pid 7 on a)", host: "a", pid: 7, threads: 1, cpu: "A CPU", instructionSet: "avx2")
        #expect(renderer.render(.workerJoined(worker, joined: 1, expected: 2), at: 1, width: 80).count == 1)
    }

    @Test func `evaluations are one line each`() {
        let metrics = Samples.metrics(labels: ["a", "b"], counts: [(0, 0, 3), (1, 0, 1)])
        let record = EvaluationRecord(kind: .validation, step: 8, epoch: 1, metrics: metrics, seconds: 2)
        var renderer = ProgressRenderer(traits: Self.log)
        #expect(
            renderer.render(.evaluation(record), at: 0, width: 80)
                == [
                    .line(
                        "epoch 1: validation: accuracy 0.7500, macro F1 0.4286, loss 0.2500 (2.0 s)")
                ])
    }

    @Test func `an evaluation before the first epoch ends names its step`() {
        let metrics = Samples.metrics(labels: ["a", "b"], counts: [(0, 0, 3), (1, 0, 1)])
        let record = EvaluationRecord(kind: .validation, step: 8, epoch: 0, metrics: metrics, seconds: 2)
        #expect(ProgressRenderer.evaluation(record).hasPrefix("step 8: validation: accuracy 0.7500"))
    }

    @Test func `lines of a log fit into 80 columns`() {
        var renderer = ProgressRenderer(traits: Self.log, plainInterval: 0)
        var summary = Samples.summary
        (summary.examples, summary.totalSteps, summary.stepsPerEpoch) = (1_120_000, 350_000, 35_000)
        (summary.workers, summary.validationExamples, summary.testExamples) = (16, 120_000, 120_000)
        var events: [RunEvent] = [.started(summary)]
        for step in [1, 34_999, 35_000, 349_999] {
            events.append(
                .step(
                    StepMetrics(
                        step: step, epoch: step / 35_000 + 1, loss: 1.5e-9, learningRate: 9.13e-5, gradientNorm: 1,
                        samples: 32, tokens: 2000, tokensPerSecond: 1000, stepSeconds: 0.0123, elapsedSeconds: 1,
                        totalSteps: 350_000)))
        }
        let metrics = Samples.metrics(labels: ["a", "b"], counts: [(0, 0, 90_000), (1, 0, 30_000)])
        events.append(.evaluating(.validation, done: 60_000, total: 120_000))
        events.append(
            .evaluation(EvaluationRecord(kind: .validation, step: 35_000, epoch: 10, metrics: metrics, seconds: 3601)))
        events.append(
            .evaluation(EvaluationRecord(kind: .test, step: 350_000, epoch: 10, metrics: metrics, seconds: 75)))
        for event in events {
            for case .line(let line) in renderer.render(event, at: 0, width: 200) {
                #expect(line.columns <= 80, "\(line.columns): \(line)")
            }
        }
    }

    @Test func `time left counts the evaluations to come`() throws {
        var renderer = ProgressRenderer(traits: Self.log, plainInterval: 0)
        var summary = Samples.summary
        (summary.validationExamples, summary.testExamples) = (0, 48)
        _ = renderer.render(.started(summary), at: 0, width: 80)
        // 32 examples in 2 s: the forward passes of 48 take a second.
        guard case .line(let line) = try #require(renderer.render(Samples.step(79), at: 1, width: 80).first),
            case .line(let last) = try #require(renderer.render(Samples.step(80), at: 1, width: 80).first)
        else { return }
        #expect(line.hasSuffix("3.0 s left"), "\(line)")
        #expect(last.hasSuffix("1.0 s left"), "\(last)")
        guard
            case .line(let half) = try #require(
                renderer.render(.evaluating(.test, done: 24, total: 48), at: 2, width: 80).first)
        else { return }
        #expect(half == "evaluating: test 24 of 48 0.50 s left")
    }

    @Test func `a run that is resumed does not claim where it goes on before it is known`() {
        var renderer = ProgressRenderer(traits: Self.log)
        #expect(
            renderer.render(.resuming(checkpoint: nil), at: 0, width: 80)
                == [.line("resuming: there is no checkpoint; looking for workers that live still")])
    }

    @Test func `no more than all of the time is waited`() {
        var renderer = ProgressRenderer(traits: Self.log)
        var summary = Samples.summary
        summary.communicationHints = ["--a"]
        _ = renderer.render(.started(summary), at: 0, width: 80)
        for step in 1...8 {
            guard case .step(var metrics) = Samples.step(step) else { return }
            // Steps overlap.
            metrics.allreduceSeconds = 2.1
            _ = renderer.render(.step(metrics), at: Double(step), width: 80)
        }
        let lines = renderer.render(.finished(Samples.result), at: 9, width: 80)
        #expect(lines == [.line("100% of the time went into waiting for the all-reduce; less of it by --a")])
    }

    @Test func `a run that waited is shown what helps`() {
        func end(waited: Double, remedies: [String]) -> [ProgressRenderer.Output] {
            var renderer = ProgressRenderer(traits: Self.log)
            var summary = Samples.summary
            summary.communicationHints = remedies
            _ = renderer.render(.started(summary), at: 0, width: 80)
            for step in 1...8 {
                guard case .step(var metrics) = Samples.step(step) else { return [] }
                metrics.allreduceSeconds = step <= WaitingHint.skipped ? 2 : waited
                _ = renderer.render(.step(metrics), at: Double(step), width: 80)
            }
            return renderer.render(.finished(Samples.result), at: 9, width: 80)
        }
        #expect(
            end(waited: 1.5, remedies: ["--a", "--b"])
                == [.line("75% of the time went into waiting for the all-reduce; less of it by --a, or --b")])
        #expect(end(waited: 0.4, remedies: ["--a"]).isEmpty)
        #expect(end(waited: 1.5, remedies: []).isEmpty)
    }

    @Test func `what workers write cannot move the cursor`() {
        var renderer = ProgressRenderer(traits: Self.log)
        #expect(
            renderer.render(.workerOutput(worker: "worker 1", line: "\u{1B}[2Jhello"), at: 0, width: 80)
                == [.line("worker 1: \\u{1B}[2Jhello")])
    }

    @Test func `colour is used only where it is allowed`() {
        var plain = ProgressRenderer(traits: Self.terminal)
        var colored = ProgressRenderer(traits: TerminalTraits(isInteractive: true, usesColor: true))
        #expect(plain.render(.warning("hm"), at: 0, width: 80) == [.line("warning: hm")])
        #expect(colored.render(.warning("hm"), at: 0, width: 80) == [.line("\u{1B}[33mwarning:\u{1B}[0m hm")])
    }
}
