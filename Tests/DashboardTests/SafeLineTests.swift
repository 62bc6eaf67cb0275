import Testing

@testable import Cluster
@testable import Dashboard

struct SafeLineTests {
    @Test func `of control characters only our own styles are shown`() {
        let line = "\u{1B}[33mwarning:\u{1B}[0m \u{1B}]0;title\u{7}\u{1B}[2J\u{9B}31m"
        #expect(line.shown == "\u{1B}[33mwarning:\u{1B}[0m " + #"\u{1B}]0;title\u{7}\u{1B}[2J\u{9B}31m"#)
    }

    @Test func `a line has an end`() {
        #expect(String(repeating: "x", count: 100_000).shown.count <= 1000)
    }

    @Test func `a status shows no control characters and no number traps`() {
        var status = RunStatus(
            phase: "\u{1B}[2J", step: .max, totalSteps: .min, loss: .nan, tokensPerSecond: -.infinity,
            generation: .max, checkpoint: "\u{7}", elapsedSeconds: .nan, endpoint: "\u{1B}c",
            workers: [
                RunStatus.Worker(
                    number: .min, host: "\u{1B}", pid: .max, threads: 1, state: "\u{8}", speed: .nan, share: .infinity,
                    silentSeconds: -.infinity, residentBytes: .min)
            ],
            changes: [
                RunStatus.Change(kind: .lost, subject: "\u{1B}", detail: "\n\n", step: .min, time: 1e300),
                RunStatus.Change(kind: .lost, subject: "a", detail: "", step: 0, time: .nan),
            ], process: .current)
        status.time = -1e300
        for isAlive in [true, false, nil] {
            let text = StatusReport(status, isAlive: isAlive).text
            #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x7F })
        }
    }

    @Test func `control characters are not shown`() {
        #expect("a\u{1B}[2Jb\nc".printable == #"a\u{1B}[2Jb\u{A}c"#)
        #expect("plain é 中".printable == "plain é 中")
    }
}
