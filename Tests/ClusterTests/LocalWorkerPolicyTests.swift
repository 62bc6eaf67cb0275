import Testing

@testable import Cluster

/// When children are started again, and killed.
@Suite struct LocalWorkerPolicyTests {
    private static func settings(_ restarts: Int) -> CoordinatorSettings {
        Samples.settings(local: true) { $0.maxRestarts = restarts }
    }

    private func started(_ transition: Transition) -> [Int] {
        transition.effects.compactMap { if case .startWorker(let number) = $0 { number } else { nil } }
    }

    private func killed(_ transition: Transition) -> [Int] {
        transition.effects.compactMap { if case .killWorker(let number) = $0 { number } else { nil } }
    }

    @Test func `a child is started again as often as allowed, and not for a run that ends`() {
        var policy = LocalWorkerPolicy(Self.settings(2))
        var transition = Transition.at(0)
        policy.restart(0, isEnding: true, &transition)
        #expect(started(transition).isEmpty)
        for _ in 0..<3 {
            policy.restart(0, isEnding: false, &transition)
            policy.started(0, pid: 7)
            policy.exited(0)
        }
        #expect(started(transition) == [0, 0] && policy.restarts == 2)
        #expect(transition.warnings.last?.contains("(2 of at most 2 times)") == true)
    }

    @Test func `one that is being started is not started twice`() {
        var policy = LocalWorkerPolicy(Self.settings(9))
        var transition = Transition.at(0)
        policy.restartAll(except: [1], isEnding: false, &transition)
        policy.restartAll(isEnding: false, &transition)
        #expect(started(transition) == [0, 1])
    }

    @Test func `a restart may wait`() {
        var policy = LocalWorkerPolicy(Self.settings(9))
        var transition = Transition.at(0)
        policy.restart(1, after: 1, isEnding: false, &transition)
        policy.startDue(&transition)
        #expect(started(transition).isEmpty)
        var later = Transition.at(1)
        policy.startDue(&later)
        policy.startDue(&later)
        #expect(started(later) == [1])
    }

    @Test func `a lost worker whose process runs is killed after the heartbeat timeout`() {
        for isAlive in [false, true] {
            var policy = LocalWorkerPolicy(Self.settings(9))
            policy.started(0, pid: 100)
            var transition = Transition.at(3)
            policy.lost(Samples.members(1, at: 2)[0], isEnding: false, &transition)
            if isAlive { policy.isAlive(0) }
            var later = Transition.at(7)
            policy.killDue(&later)
            #expect(killed(later) == (isAlive ? [] : [0]))
            #expect(started(transition).isEmpty, "its process runs")
        }
    }
}
