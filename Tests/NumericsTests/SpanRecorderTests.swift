import Foundation
import Testing

@testable import Numerics

@Suite struct SpanRecorderTests {
    @Test func `totals count all spans, also those that are not kept one by one`() throws {
        let recorder = SpanRecorder(name: "a thread")
        let more = 7
        recorder.begin()
        for _ in 0..<(SpanRecorder.maxSpans + more) { recorder.end("step") }
        recorder.end("other")
        #expect(recorder.spans.count == SpanRecorder.maxSpans)
        let totals = Dictionary(grouping: recorder.totals.values) { "\($0.name)" }
        #expect(totals["step"]?.map(\.calls) == [SpanRecorder.maxSpans + more])
        #expect(totals["other"]?.map(\.calls) == [1])
        // Each begins where the one before ended, so nothing is counted twice or left out.
        let kept = recorder.spans
        #expect(zip(kept, kept.dropFirst()).allSatisfy { abs($0.start + $0.seconds - $1.start) < 1e-6 })
        let sum = recorder.totals.values.reduce(0.0) { $0 + $1.seconds }
        #expect(sum >= kept.reduce(0.0) { $0 + $1.seconds })
    }

    @Test func `a trace has the spans and the totals of every recorder`() throws {
        let profile = Profile()
        for name in ["first", "second"] {
            let recorder = profile.recorder(name)
            recorder.begin()
            recorder.end("matmul")
        }
        let object = try JSONSerialization.jsonObject(with: try profile.trace(processName: "p"))
        let trace = try #require(object as? [String: Any])
        let events = try #require(trace["traceEvents"] as? [[String: Any]])
        #expect(events.count { $0["ph"] as? String == "X" && $0["name"] as? String == "matmul" } == 2)
        let totals = try #require((trace["otherData"] as? [String: Any])?["totals"] as? [[String: Any]])
        #expect(totals.compactMap { $0["recorder"] as? String } == ["first", "second"])
    }
}
