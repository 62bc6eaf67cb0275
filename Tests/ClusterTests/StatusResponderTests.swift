import Foundation
import Testing

@testable import Cluster

/// Questions for the status.
@Suite struct StatusResponderTests {
    @Test func `the text is made once a second`() throws {
        var responder = StatusResponder()
        let simulation = try Simulation(workers: 1)
        var made = 0
        for tenth in 0..<35 {
            _ = responder.json(Double(tenth) / 10) {
                made += 1
                return simulation.coordinator.status(0, process: Samples.process)
            }
        }
        #expect(made == 4)
    }

    @Test func `one connection and all together get few answers`() throws {
        var responder = StatusResponder()
        func admitted(_ peer: PeerID, _ now: Double) -> Int { responder.admits(peer, now) ? 1 : 0 }
        #expect(
            (0..<100).reduce(0) { sum, _ in sum + admitted(PeerID(bytes: [9]), 0) } == StatusResponder.perConnection)
        let others = (0..<200).reduce(0) { $0 + admitted(PeerID(bytes: [8, UInt8($1)]), 0) }
        #expect(others == StatusResponder.perSecond - StatusResponder.perConnection)
        #expect(admitted(PeerID(bytes: [9]), 1) == 0)
        #expect(admitted(PeerID(bytes: [7]), 1) == 1)
    }

    @Test func `a request for the status is answered to every peer`() throws {
        let simulation = try Simulation(workers: 1)
        let request = WorkerMessage(generation: 0, step: 0, body: .statusRequest)
        let effects = simulation.coordinator.handle(.message(PeerID(bytes: [9]), request), now: 0)
        guard case .sendStatus(let peer) = effects.first else {
            Issue.record("\(effects)")
            return
        }
        #expect(effects.count == 1 && peer == PeerID(bytes: [9]))
    }
}
