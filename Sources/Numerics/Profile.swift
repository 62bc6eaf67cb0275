import Foundation
import Support
import Synchronization

/// Where the time of this process goes: a collection of recorders, one per thread.
public final class Profile: Sendable {
    private let recorders = Mutex<[SpanRecorder]>([])

    /// Nothing is recorded yet.
    public init() {}

    /// A recorder for one thread, shown under `name`.
    public func recorder(_ name: String) -> SpanRecorder {
        let recorder = SpanRecorder(name: name)
        recorders.withLock { $0.append(recorder) }
        return recorder
    }

    /// What was recorded, to be called when the recorders' threads have ended: a Chrome trace (the JSON object format,
    /// see "Trace Event Format", which Perfetto opens) with the totals of each recorder in `otherData`.
    public func trace(processName: String) throws -> Data {
        let pid = Int(getpid())
        var events: [[String: Any]] = [
            ["ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": ["name": processName]]
        ]
        var totals: [[String: Any]] = []
        for (tid, recorder) in recorders.withLock({ $0 }).enumerated() {
            events.append(
                ["ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": ["name": recorder.name]])
            for span in recorder.spans {
                events.append([
                    "ph": "X", "name": "\(span.name)", "pid": pid, "tid": tid, "ts": span.start * 1e6,
                    "dur": span.seconds * 1e6,
                ])
            }
            totals.append([
                "recorder": recorder.name,
                "spans": recorder.totals.map {
                    ["name": "\($0.value.name)", "seconds": $0.value.seconds, "calls": $0.value.calls] as [String: Any]
                },
            ])
        }
        return try JSONSerialization.data(
            withJSONObject: ["traceEvents": events, "otherData": ["totals": totals]], options: [.sortedKeys])
    }
}

/// Records consecutive spans of time on one thread; each ends where the next begins.
///
/// `@unchecked Sendable`: one thread writes, and who reads waits until it has ended.
public final class SpanRecorder: @unchecked Sendable {
    struct Span {
        var name: StaticString
        /// Seconds, on the clock of all processes of the machine.
        var start, seconds: Double
    }

    struct Total {
        var name: StaticString
        var seconds = 0.0
        var calls = 0
    }

    /// Spans that are kept one by one, the first ones; the totals count all.
    static let maxSpans = 100_000

    let name: String
    private(set) var spans: [Span] = []
    private(set) var totals: [UnsafeRawPointer: Total] = [:]
    private var last = 0.0

    init(name: String) { self.name = name }

    /// The next span begins now.
    public func begin() { last = monotonicSeconds() }

    /// A span called `name` ends now, and the next one begins.
    public func end(_ name: StaticString) {
        let now = monotonicSeconds()
        add(name, now)
        last = now
    }

    private func add(_ name: StaticString, _ now: Double) {
        if spans.count < Self.maxSpans { spans.append(Span(name: name, start: last, seconds: now - last)) }
        let key = UnsafeRawPointer(name.utf8Start)
        totals[key, default: Total(name: name)].seconds += now - last
        totals[key, default: Total(name: name)].calls += 1
    }
}
