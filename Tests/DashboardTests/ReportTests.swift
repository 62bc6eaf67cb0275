@testable import Cluster
import Foundation
import Modeling
import Support
import Testing

@testable import Dashboard

struct ReportTests {
    @Test func `the report of a run ends with a command that works`() {
        let text = RunReport(result: Samples.result, command: "./launch.sh").text
        #expect(text.contains("accuracy    0.9374\n"))
        #expect(text.contains("evaluation  2,189 test examples, 312 examples/s, loss 0.2100\n"))
        #expect(text.contains("training    80 steps by 2 workers, 61 examples/s, 5,214 tokens/s\n"))
        #expect(text.contains("loss        0.0312 in training, the mean of the last epoch\n"))
        #expect(text.contains("sha256      abc123\n"))
        #expect(text.contains("time        1 min 15 s, the first step began after 0.80 s\n"))
        #expect(text.hasSuffix("  ./launch.sh predict --model 'runs/my run/model' --text \"Type a text here\""))
    }

    @Test func `the command has what the model takes beside a text`() {
        var result = Samples.result
        for (second, end) in [
            (RunResult.SecondText.text, "--text-pair \"Type the second text here\""), (.predicate, "--text-pair sent"),
        ] {
            result.secondText = second
            #expect(RunReport(result: result, command: "shoal").text.hasSuffix(end))
        }
    }

    @Test func `where no span is found the report says what to do`() {
        var result = Samples.result
        func metrics(_ f1: Double) -> MetricReport {
            MetricReport(examples: 9, loss: 1, values: [Metric(SpanMetrics.f1, f1)], primary: SpanMetrics.f1)
        }
        result.test?.metrics = metrics(0)
        let text = RunReport(result: result, command: "shoal").text
        #expect(text.contains("F1 is 0: the model finds no span yet") && text.contains("80 steps"))
        result.test?.metrics = metrics(0.01)
        #expect(!RunReport(result: result, command: "shoal").text.contains("F1 is 0"))
        result.test = nil
        result.bestValidation = .init(step: 1, primary: Metric(SpanMetrics.f1, 0), loss: 1)
        #expect(RunReport(result: result, command: "shoal").text.contains("F1 is 0"))
    }

    @Test func `a run without a test set has no accuracy`() {
        var result = Samples.result
        result.test = nil
        #expect(!RunReport(result: result, command: "shoal").text.contains("accuracy"))
    }

    @Test func `the summary of an ending alone shows no speed that was not measured`() {
        var result = Samples.result
        (result.tokensPerSecond, result.examplesPerSecond, result.trainLoss) = (0, 0, nil)
        let text = RunReport(result: result, command: "shoal").text
        #expect(text.contains("training    80 steps by 2 workers\n"))
        #expect(text.contains("time        1 min 15 s\n"))
        #expect(!text.contains("0.0"))
    }

    @Test func `the summary of a run fits into 80 columns`() {
        var result = Samples.result
        result.weightsSHA256 = String(repeating: "a", count: 64)
        (result.steps, result.workers, result.tokensPerSecond) = (350_000, 128, 1_234_567)
        for line in RunReport(result: result, command: "shoal").text.split(separator: "\n")
        where !line.contains("--model") {
            #expect(line.count <= 80, "\(line)")
        }
    }

    @Test func `the classes of an evaluation are a table`() {
        let metrics = Samples.metrics(
            labels: ["acquisitions", "earn"], counts: [(0, 0, 1_200), (0, 1, 3), (1, 1, 7), (1, 0, 1)])
        let text = EvaluationReport(metrics).text(width: 80)
        #expect(
            text == """
                class         precision  recall      f1  count
                acquisitions     0.9992  0.9975  0.9983  1,203
                earn             0.7000  0.8750  0.7778      8

                accuracy                    0.9967
                macro F1                    0.8881
                mean confidence             0.5000
                expected calibration error  0.4967
                loss                        0.2500
                examples                    1,211

                confusion matrix: one row per true class, one column per predicted class
                                    0  1
                0  acquisitions  1200  3
                1  earn             1  7
                """)
    }

    @Test func `labels of wide characters stay in their column`() {
        let metrics = Samples.metrics(labels: ["好评", "neg"], counts: [(0, 0, 1), (1, 1, 1)])
        let lines = EvaluationReport(metrics).classes.split(separator: "\n").map { String($0).columns }
        #expect(Set(lines).count == 1)
    }

    @Test func `many classes fit into a terminal too`() {
        let labels = (0..<52).map { "class-\($0)" }
        let metrics = Samples.metrics(
            labels: labels, counts: (0..<52).map { ($0, $0, 40) } + [(7, 3, 2), (7, 51, 5), (8, 0, 1)])
        let text = EvaluationReport(metrics).confusion(width: 80)
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.count == 53)
        #expect(lines[8] == "class-7   40 | class-51 5, class-3 2")
        #expect(lines[9] == "class-8   40 | class-0 1")
        #expect(lines[10] == "class-9   40")
        // There is room for all on a wide one.
        #expect(EvaluationReport(metrics).confusion(width: 300).contains("51  class-51"))
    }
}

struct TerminalTraitsTests {
    @Test func `a file is no terminal`() throws {
        let null = open("/dev/null", O_WRONLY)
        defer { close(null) }
        let traits = TerminalTraits(descriptor: null, environment: ["TERM": "xterm"])
        #expect(traits == TerminalTraits(isInteractive: false, usesColor: false))
        #expect(TerminalTraits.width(of: null) == 80)
    }

    @Test func `a terminal is recognised, and NO_COLOR is respected`() throws {
        var (controller, terminal): (Int32, Int32) = (-1, -1)
        var size = winsize(ws_row: 24, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0)
        try #require(openpty(&controller, &terminal, nil, nil, &size) == 0)
        defer {
            close(controller)
            close(terminal)
        }
        func traits(_ environment: [String: String]) -> TerminalTraits {
            TerminalTraits(descriptor: terminal, environment: environment)
        }
        #expect(traits(["TERM": "xterm"]) == TerminalTraits(isInteractive: true, usesColor: true))
        #expect(traits(["TERM": "xterm", "NO_COLOR": "1"]) == TerminalTraits(isInteractive: true, usesColor: false))
        #expect(traits(["TERM": "xterm", "NO_COLOR": ""]).usesColor)
        #expect(traits(["TERM": "dumb"]) == TerminalTraits(isInteractive: false, usesColor: false))
        #expect(TerminalTraits.width(of: terminal) == 101)
    }
}

struct RunDisplayTests {
    /// What a display wrote to a pseudo terminal.
    private func written(_ body: (RunDisplay) -> Void) throws -> String {
        var (controller, terminal): (Int32, Int32) = (-1, -1)
        var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
        try #require(openpty(&controller, &terminal, nil, nil, &size) == 0)
        defer { close(controller) }
        body(
            RunDisplay(descriptor: terminal, traits: TerminalTraits(isInteractive: true, usesColor: false)))
        close(terminal)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        // A terminal gives what it has; that the other end is closed is an error only when all was read.
        while true {
            let count = read(controller, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += buffer[..<count]
        }
    }

    @Test func `the live line is cleared before other lines and at the end`() throws {
        let text = try written { display in
            display.show(.training)
            display.show(.warning("hm"))
            display.show(.saving)
            display.close()
        }
        #expect(text == "starting\r\u{1B}[2Kwarning: hm\r\nsaving\r\u{1B}[2K")
    }

    @Test func `a closed pipe is no error`() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        let display = RunDisplay(descriptor: ends[1])
        display.line("it is not read")
        display.close()
        #expect(TerminalTraits(descriptor: ends[1]).isInteractive == false)
    }
}
