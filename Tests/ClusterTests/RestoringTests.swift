import Foundation
import Testing

@testable import Cluster

/// All workers are lost after a checkpoint: new ones get its state.
@Suite struct RestoringTests {
    @Test(arguments: [true, false], [1, 2, 3])
    func `new workers are given the checkpoint's state at once`(_ local: Bool, _ workers: Int) throws {
        func simulation() throws -> Simulation {
            try Simulation(workers: workers, totalSteps: 12, local: local) {
                $0.checkpointEvery = 4
                $0.maxRestarts = 9
            }
        }
        let calm = try simulation()
        #expect(calm.run())
        let simulation = try simulation()
        var isDone = false
        simulation.beforeDelivery = { simulation in
            guard !isDone, simulation.disk[4] != nil, simulation.steps.count >= 6 else { return }
            isDone = true
            for index in simulation.workers.indices { simulation.kill(index) }
        }
        _ = simulation.run(seconds: 9)
        #expect(isDone)
        if !local {
            for _ in 0..<workers { simulation.startWorker(nil) }
            #expect(simulation.run())
        }
        #expect(simulation.error == nil)
        #expect(simulation.refusals.isEmpty, "\(simulation.refusals)")
        #expect(simulation.workers.count == 2 * workers)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.wrongBits.isEmpty)
    }
}
