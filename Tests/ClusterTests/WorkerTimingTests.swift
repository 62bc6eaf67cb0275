import Testing

@testable import Cluster

struct WorkerTimingTests {
    @Test func `four heartbeats per timeout, at least one a second, none at once before the answer`() {
        var timer = ContactTimer(now: 10)
        #expect(!timer.isHeartbeatDue(10.9, timeout: nil))
        #expect(timer.isHeartbeatDue(11.1, timeout: nil))
        #expect(timer.isHeartbeatDue(10.5, timeout: 2))
        timer.heartbeatSent(20)
        #expect(!timer.isHeartbeatDue(20.4, timeout: 2))
        #expect(timer.isHeartbeatDue(20.5, timeout: 2))
        #expect(!timer.isHeartbeatDue(20.9, timeout: 100))
        #expect(timer.isHeartbeatDue(21, timeout: 100))
    }

    @Test func `requests that cross with a greeting are not answered by another one`() {
        var timer = ContactTimer(now: 0)
        let sent = [0.4, 0.6, 0.7, 1.0, 1.1].filter { timer.takeGreeting($0) }
        #expect(sent == [0.6, 1.1])
    }

    @Test func `a silent coordinator is reported once, given up at the end, and heard again`() {
        var monitor = CoordinatorTimeout(now: 0)
        func check(_ now: Double, heartbeat: Double, orphan: Double) -> CoordinatorTimeout.Finding {
            monitor.check(now, heartbeat: heartbeat, orphan: orphan)
        }
        func heard(_ now: Double) -> Bool { monitor.recordContact(now) }
        var findings: [CoordinatorTimeout.Finding] = []
        for second in 1...12 {
            monitor.tick(Double(second))
            findings.append(check(Double(second), heartbeat: 4, orphan: 10))
        }
        #expect(findings.prefix(4).allSatisfy { $0 == .nothing })
        #expect(findings[4] == .fellSilent(waiting: 10))
        #expect(findings[5..<10].allSatisfy { $0 == .nothing })
        #expect(findings[10] == .gone(after: 10))
        #expect(heard(13))
        #expect(!heard(14))
        #expect(check(15, heartbeat: 4, orphan: 10) == .nothing)
    }

    @Test func `an orphan timeout below the heartbeat timeout does not count`() {
        var monitor = CoordinatorTimeout(now: 0)
        func check(_ now: Double, heartbeat: Double, orphan: Double) -> CoordinatorTimeout.Finding {
            monitor.check(now, heartbeat: heartbeat, orphan: orphan)
        }
        #expect(check(3, heartbeat: 4, orphan: 0) == .nothing)
        #expect(check(5, heartbeat: 4, orphan: 0) == .gone(after: 4))
    }

    @Test func `a process that was suspended has missed nothing meanwhile`() {
        var monitor = CoordinatorTimeout(now: 0)
        func check(_ now: Double, heartbeat: Double, orphan: Double) -> CoordinatorTimeout.Finding {
            monitor.check(now, heartbeat: heartbeat, orphan: orphan)
        }
        monitor.tick(1)
        monitor.tick(3601)
        #expect(!monitor.isUnanswered(3601, timeout: 60))
        #expect(check(3601, heartbeat: 4, orphan: 10) == .nothing)
        var steady = CoordinatorTimeout(now: 0)
        for tick in 1...61 { steady.tick(Double(tick)) }
        #expect(steady.isUnanswered(61, timeout: 60))
    }
}
