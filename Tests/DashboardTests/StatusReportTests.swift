@testable import Cluster
import Foundation
import Testing

@testable import Dashboard

struct StatusReportTests {
    private func status(_ phase: String) -> RunStatus {
        let host = "a-rather-long-host-name-0123456789.some.example.org"
        let worker = RunStatus.Worker(
            number: 11, host: host, pid: 4_194_303, threads: 2, state: "connecting", speed: 123.456, share: 0.125,
            silentSeconds: 0.34, residentBytes: 12_345 << 20)
        var status = RunStatus(
            phase: phase, step: 12_345, totalSteps: 123_456, loss: 0.1234, tokensPerSecond: 105_214, generation: 3,
            checkpoint: "runs/a/checkpoints/step-12000", elapsedSeconds: 7_200, endpoint: "tcp://10.0.0.1:5555",
            workers: [worker, worker],
            changes: [
                .init(
                    kind: .lost, subject: "worker 11 (pid 4194303 on \(host))",
                    detail: "was killed by signal 9 (SIGKILL) during step 12", step: 11, time: 0)
            ], process: .current)
        (status.epoch, status.totalEpochs, status.learningRate, status.secondsLeft) = (2, 10, 9.13e-5, 3_725)
        return status
    }

    @Test func `epoch, learning rate and time left are shown`() {
        let text = StatusReport(status("training"), isAlive: true).text
        #expect(text.contains("step 12,345 of 123,456, epoch 2 of 10"))
        var phased = status("training")
        (phased.trainingPhase, phased.trainingPhases) = (2, 3)
        #expect(
            StatusReport(phased, isAlive: true).text.contains("step 12,345 of 123,456, phase 2 of 3, epoch 2 of 10"))
        #expect(text.contains("learning rate 9.1e-05"))
        #expect(text.contains("1 h 02 min left"))
    }

    @Test(arguments: ["training", "ended"], [true, false, nil])
    func `all fits into 80 columns, but for words that are longer`(phase: String, isAlive: Bool?) {
        let text = StatusReport(status(phase), isAlive: isAlive, run: "runs/a").text
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test func `a coordinator that is gone gets the command that goes on`() {
        let text = StatusReport(status("training"), isAlive: false, run: "my runs/a").text
        #expect(text.contains("\n  shoal resume 'my runs/a'\n"))
        #expect(!text.contains(" left"))
    }

    @Test func `an end before the last step is distinguished from a complete run`() {
        let text = StatusReport(status("ended"), isAlive: false, run: "runs/a").text
        #expect(text.hasPrefix("interrupted: ended at step 12,345 of 123,456"))
        #expect(text.contains("\n  shoal resume runs/a\n"))
        var complete = status("ended")
        complete.step = complete.totalSteps
        #expect(StatusReport(complete, isAlive: false, run: "runs/a").text.hasPrefix("complete: "))
        #expect(!StatusReport(complete, isAlive: false, run: "runs/a").text.contains("resume"))
    }

    @Test func `names and states from a file move no cursor, and times from it trap nothing`() {
        var status = status("\u{1B}[2J")
        status.workers[0].state = "\u{1B}c"
        status.workers[0].silentSeconds = .infinity
        status.changes[0].time = 1e300
        let text = StatusReport(status, isAlive: true).text
        #expect(!text.contains("\u{1B}"))
        #expect(text.contains("--:--:--"))
    }

    @Test func `status is read as JSON with and without what is new`() throws {
        let status = status("training")
        let again = try RunStatus(json: status.json())
        #expect(again == status)
        let old = status.json().split(separator: "\n").filter { line in
            !["total_epochs", "learning_rate", "seconds_left", "\"epoch\""].contains { line.contains($0) }
        }.joined(separator: "\n")
        #expect(try RunStatus(json: old).secondsLeft == nil)
    }
}
