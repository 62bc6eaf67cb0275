import Foundation
import Testing

@testable import Cluster

/// Questions for the status.
@Suite struct StatusDeskTests {
    private func ask(_ simulation: Simulation, _ peer: PeerID) -> [String] {
        let request = WorkerMessage(generation: 0, step: 0, body: .statusRequest)
        return simulation.coordinator.handle(.message(peer, request), now: simulation.now).compactMap {
            if case .send(peer, let message) = $0, case .status(let json) = message.body { json } else { nil }
        }
    }

    @Test func `the text is made once a second`() throws {
        var desk = StatusDesk()
        let simulation = try Simulation(workers: 1)
        var made = 0
        for tenth in 0..<35 {
            _ = desk.json(Double(tenth) / 10) {
                made += 1
                return simulation.coordinator.status(0)
            }
        }
        #expect(made == 4)
    }

    @Test func `one connection and all together get few answers`() throws {
        let simulation = try Simulation(workers: 1)
        #expect((0..<100).flatMap { _ in ask(simulation, PeerID(bytes: [9])) }.count == StatusDesk.perConnection)
        let others = (0..<200).flatMap { ask(simulation, PeerID(bytes: [8, UInt8($0)])) }
        #expect(others.count == StatusDesk.perSecond - StatusDesk.perConnection)
        simulation.now += 1
        #expect(ask(simulation, PeerID(bytes: [9])).isEmpty)
        #expect(ask(simulation, PeerID(bytes: [7])).count == 1)
    }
}
