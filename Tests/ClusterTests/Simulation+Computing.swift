import Collectives
import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// What the simulated workers' compute threads do.
extension Simulation {
    /// The workers of a generation that live and are in it still, by rank; nil if it is not whole.
    private func world(_ generation: UInt64, size: Int) -> [Int]? {
        var ranks = [Int?](repeating: nil, count: size)
        for index in workers.indices where workers[index] != nil {
            if let joined = replicas[index].joined, joined.generation == generation { ranks[joined.rank] = index }
        }
        let whole = ranks.compactMap { $0 }
        return whole.count == size ? whole : nil
    }

    /// What doing a job would give; nil if it must wait.
    func runner(_ job: ComputeJob, _ index: Int) -> (() -> ComputeResult?)? {
        switch job {
        case .prepare(_, _, let welcome):
            return { [self] in
                replicas[index].state = 0
                replicas[index].applied = 0
                replicas[index].firstStep = welcome.firstStep
                return .prepared
            }
        case .beginLoad:
            return { [self] in
                replicas[index].loading = 0
                replicas[index].state = 0
                return nil
            }
        case .store(let part, let chunk, let data):
            return { [self] in
                if part == .weights, chunk == 0 { replicas[index].loading = number(in: data) ?? 0 }
                return nil
            }
        case .finishLoad(let generation, let step, _):
            return { [self] in
                replicas[index].state = replicas[index].loading
                replicas[index].applied = step
                check(index)
                return .loaded(generation: generation, step: step)
            }
        case .join(let generation, let rank, let size, _):
            return { [self] in
                replicas[index].joined = (generation, rank, size)
                return .bound(generation: generation, endpoint: "ipc:///d\(index)")
            }
        case .connect(let generation, let endpoints):
            guard let world = world(generation, size: endpoints.count) else { return missing(generation, index) }
            let outward = world.indices.filter { unreachable.contains([index, world[$0]]) }
            let inward = world.indices.filter { unreachable.contains([world[$0], index]) }
            if !outward.isEmpty || !inward.isEmpty {
                let failure = WorkerFailure(
                    kind: .peer, phase: outward.isEmpty ? AllReduceError.beingReached : AllReduceError.reaching,
                    message: "no answer", peers: outward.isEmpty ? inward : outward)
                return { .failed(generation: generation, failure) }
            }
            return { .connected(generation: generation) }
        case .step(let generation, let step, let order): return stepRunner(generation, step, order, index)
        case .evaluate(let generation, let id, let batches):
            // Every example is taken for class 1.
            let certainty = shape.bestStep.map { 0.1 + 0.1 * Float(abs(Int(replicas[index].applied) - $0)) } ?? 1
            let parts = batches.map { Samples.evaluation($0, certainty: certainty) }
            return { .evaluated(generation: generation, id: id, parts) }
        case .digest(let generation):
            return { [self] in
                let hex = String(replicas[index].state, radix: 16)
                return .digest(generation: generation, String(repeating: "0", count: 64 - hex.count) + hex)
            }
        case .snapshot(let generation, let step, let parts):
            return { [self] in
                // The step before failed: nothing can be copied.
                guard replicas[index].applied == step else { return nil }
                var buffers: [StatePart: FloatBuffer] = [:]
                for part in parts {
                    let buffer = FloatBuffer(count: shape.state.chunks(part).floats)
                    let number = part == .weights ? replicas[index].state : ~replicas[index].state
                    UnsafeMutableRawPointer(buffer.pointer).storeBytes(of: number, as: UInt64.self)
                    buffers[part] = buffer
                }
                return .snapshot(generation: generation, StateSnapshot(step: step, buffers: buffers))
            }
        }
    }

    /// A peer is gone or in another generation: that is found out, though not at once.
    private func missing(_ generation: UInt64, _ index: Int) -> (() -> ComputeResult?)? {
        guard let joined = replicas[index].joined, joined.generation == generation else { return { nil } }
        var present: Set<Int> = [joined.rank]
        for other in workers.indices where workers[other] != nil {
            if let place = replicas[other].joined, place.generation == generation { present.insert(place.rank) }
        }
        // Not there yet is not the same as gone.
        let gone = replicas.indices.filter { other in
            guard let place = replicas[other].joined else { return false }
            return place.generation == generation && workers[other] == nil
                || place.generation > generation && workers[other] != nil
        }
        guard !gone.isEmpty else { return nil }
        let blamed = (0..<joined.size).filter { !present.contains($0) }
        return {
            .failed(
                generation: generation,
                WorkerFailure(kind: .peer, phase: "step", message: "a peer is gone", peers: blamed))
        }
    }

    private func stepRunner(
        _ generation: UInt64, _ step: UInt64, _ order: StepOrder, _ index: Int
    ) -> (() -> ComputeResult?)? {
        let key = Reduction(generation: generation, step: step)
        if reductions[key] == nil {
            guard let world = world(generation, size: order.partition.count) else { return missing(generation, index) }
            let isReady = world.allSatisfy { other in
                if case .step(generation, step, _) = jobs[other].first { true } else { false }
            }
            guard isReady else { return timedOut(key, world) }
        }
        return { [self] in
            guard replicas[index].applied == step, let reduction = reduce(key, order) else { return nil }
            replicas[index].state = reduction.state
            replicas[index].applied = step + 1
            check(index)
            return .stepped(
                generation: generation, step: step,
                StepReport(
                    lossSums: reduction.losses, gradientNorm: 2, computeSeconds: 0.1, allreduceSeconds: 0,
                    stepSeconds: 0.1, residentBytes: 1, bytesSent: 1))
        }
    }

    /// Who waits for others in a step names them after a while.
    private func timedOut(_ key: Reduction, _ world: [Int]) -> (() -> ComputeResult?)? {
        let since = waits[key] ?? now
        waits[key] = since
        guard now - since >= stepTimeout else { return nil }
        let late = world.indices.filter { rank in
            guard case .step(key.generation, key.step, _) = jobs[world[rank]].first else { return true }
            return stuck.contains(world[rank])
        }
        return {
            .failed(
                generation: key.generation,
                WorkerFailure(kind: .peer, phase: "step", message: "no answer", peers: late))
        }
    }

    /// The sum over all ranks: from here on every one of them may have it.
    private func reduce(_ key: Reduction, _ order: StepOrder) -> (state: UInt64, losses: [Double])? {
        if let known = reductions[key] { return known }
        guard let world = world(key.generation, size: order.partition.count) else { return nil }
        var state = replicas[world[0]].state
        var losses: [Double] = []
        func mix(_ value: UInt64) { state = (state ^ value) &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678 }
        mix(key.step)
        mix(replicas[world[0]].firstStep)
        mix(order.learningRate.bitPattern)
        for index in world {
            #expect(replicas[index].state == replicas[world[0]].state && replicas[index].applied == key.step)
            for batch in stepOrders[key]?[index]?.batches ?? [] {
                for token in batch.tokenIDs { mix(UInt64(UInt32(bitPattern: token))) }
                for sample in batch.sampleKeys { mix(UInt64(sample)) }
                losses.append(Double(batch.sequenceCount))
            }
        }
        let reduction = (state, losses)
        reductions[key] = reduction
        return reduction
    }

    func check(_ index: Int) {
        let (step, state) = (replicas[index].applied, replicas[index].state)
        let place = Self.place(step, firstStep: replicas[index].firstStep)
        if trajectory[place] == nil { trajectory[place] = state }
        if trajectory[place] != state { wrongBits.append("worker \(index) has another state after step \(step)") }
    }

    /// Where a state belongs in ``trajectory``: of a step at which a phase ends and another begins there are two.
    static func place(_ step: UInt64, firstStep: UInt64) -> UInt64 { firstStep << 32 | step }
}
