import DequeModule
import Foundation
import Numerics

@testable import Cluster

/// The simulated workers' processes: how they start, what they do about their machines' decisions, and how they vanish.
extension Simulation {
    /// A new worker process; nil is one that is no child of the coordinator.
    func startWorker(_ number: Int?) {
        let index = workers.count
        let description = WorkerDescription(
            host: "h", pid: pid(index), threads: 1 + index % 2, cpu: "c",
            instructionSet: shape.instructionSets[min(index, shape.instructionSets.count - 1)])
        let worker = WorkerMachine(description, options: WorkerOptions(coordinator: "ipc:///x"), now: now)
        let greeting = worker.start()
        workers.append(worker)
        jobs.append([])
        toCoordinator.append([])
        toWorker.append([])
        workerErrors.append(nil)
        replicas.append(Replica())
        numbers.append(number ?? -1)
        if shape.local, let number { coordinate(.childStarted(number: number, pid: pid(index))) }
        perform(greeting, of: index)
    }

    func deliver(_ index: Int, _ event: WorkerMachine.Event) {
        guard var worker = workers[index] else { return }
        let effects = worker.handle(event, now: now)
        workers[index] = worker
        perform(effects, of: index)
    }

    func perform(_ effects: [WorkerMachine.Effect], of index: Int) {
        for effect in effects {
            switch effect {
            case .send(let message):
                if case .failure(let failure) = message.body, failure.kind == .order || failure.kind == .fatal {
                    refusals.append("worker \(index): \(failure.message)")
                }
                toCoordinator[index].append(message)
            case .compute(let job):
                if case .step(let generation, let step, let order) = job {
                    orders[Int(step), default: [:]][index] = order
                    stepOrders[Reduction(generation: generation, step: step), default: [:]][index] = order
                }
                jobs[index].append(job)
            case .sendChunk(let snapshot, let part, let chunk, let generation):
                var payload = Data()
                snapshot.send(part, chunk) { payload = Data($0) }
                toCoordinator[index].append(
                    WorkerMessage(
                        generation: generation, step: snapshot.step,
                        body: .chunk(part, index: chunk, payload: payload)))
            case .abandon: abandon(index)
            case .log, .removeSockets: break
            case .end(let result):
                var error: RunError?
                if case .failure(let failure) = result { error = failure }
                workerErrors[index] = error
                let words = error.map { "1, saying \"\($0)\"," } ?? "0"
                end(index, why: "exited with code \(words)", bySignal: false)
            }
        }
    }

    /// What the compute thread was at may be past the point of no return.
    private func abandon(_ index: Int) {
        var running: ComputeJob?
        if case .step(let generation, let step, _) = jobs[index].first,
            reductions[Reduction(generation: generation, step: step)] != nil, random.next(below: 2) == 0
        {
            running = jobs[index].first
        }
        jobs[index].removeAll { $0.isOfGeneration }
        if let running { jobs[index].prepend(running) }
    }

    /// A worker vanishes, with what it had sent.
    func kill(_ index: Int, tellingParent: Bool = true) {
        guard workers[index] != nil else { return }
        toCoordinator[index].removeAll()
        end(index, why: "was killed by signal 9 (Killed)", bySignal: true, tellingParent: tellingParent)
    }

    private func end(_ index: Int, why: String, bySignal: Bool, tellingParent: Bool = true) {
        guard workers[index] != nil else { return }
        // The simulated process is over, but what it sent before may still arrive.
        workers[index] = nil
        jobs[index].removeAll()
        toWorker[index].removeAll()
        frozen.remove(index)
        guard tellingParent, shape.local, numbers[index] >= 0 else { return }
        pending.append(.childExited(number: numbers[index], pid: pid(index), why: why, bySignal: bySignal))
    }
}
