import Foundation
import Support

/// What can be seen from outside.
extension CoordinatorMachine {
    private static var maxChanges: Int { 1000 }

    /// Keeps a change of the membership for ``status(_:)``.
    mutating func record(_ kind: RunStatus.Change.Kind, _ subject: String, _ detail: String) {
        if journal.count >= Self.maxChanges { journal.removeFirst(journal.count - Self.maxChanges + 1) }
        journal.append(
            RunStatus.Change(
                kind: kind, subject: subject.printable(), detail: detail.printable(), step: progress.completed,
                time: Date().timeIntervalSince1970))
    }

    /// How the run goes.
    func status(_ now: Double) -> RunStatus {
        var isWorking = false
        var name: String
        switch phase {
        case .gathering: name = "gathering"
        case .awaitingCheckpoint, .restoring, .connecting: name = "connecting"
        case .training: (name, isWorking) = ("training", true)
        case .evaluating: (name, isWorking) = ("evaluating", true)
        case .verifying, .fetching, .saving: name = "saving"
        case .failing: name = "failing"
        case .ended: name = "ended"
        }
        if ending != nil, name != "ended" { name = "stopping" }
        let memberState: String
        switch name {
        case _ where isWorking: memberState = "working"
        case "connecting", "ended": memberState = name
        default: memberState = "waiting"
        }
        let workers = (members.map { ($0, true) } + waiting.map { ($0, false) }).map { member, isMember in
            let leaves = Double(progress.partition.last?.upperBound ?? 0)
            let share = isMember && member.rank < progress.partition.count ? progress.partition[member.rank].count : 0
            return RunStatus.Worker(
                number: member.number, host: member.worker.host, pid: member.worker.pid,
                threads: member.worker.threads,
                state: isMember || name == "ended" ? memberState : "joining",
                speed: isMember && member.rank < balancer.speeds.count ? balancer.speeds[member.rank] : nil,
                share: leaves > 0 ? Double(share) / leaves : nil, silentSeconds: max(0, now - member.lastHeard),
                residentBytes: Int(clamping: member.residentBytes))
        }
        var status = RunStatus(
            phase: name, step: progress.completed, totalSteps: preparation?.totalSteps ?? 0,
            loss: progress.last?.loss, tokensPerSecond: progress.last?.tokensPerSecond, generation: shownGeneration,
            checkpoint: checkpoints.path, elapsedSeconds: now - startedAt, endpoint: preparation?.endpoint ?? "",
            workers: workers.sorted { $0.number < $1.number }, changes: journal)
        if let preparation {
            let perEpoch = max(1, preparation.plan.stepsPerEpoch)
            status.totalEpochs = preparation.totalSteps < 1 ? 0 : 1 + (preparation.totalSteps - 1) / perEpoch
            if progress.completed > 0 { status.epoch = 1 + (progress.completed - 1) / perEpoch }
        }
        status.learningRate = progress.last.flatMap { $0.learningRate.isFinite ? $0.learningRate : nil }
        status.secondsLeft = name == "ended" ? nil : remaining?.seconds.flatMap { $0.isFinite ? $0 : nil }
        return status
    }

    /// What is going on, for messages: "during step 12".
    var activity: String {
        switch phase {
        case .gathering, .awaitingCheckpoint, .restoring, .connecting:
            hasBegun ? "between two steps" : "while the workers were joining"
        case .training: "during step \(progress.completed + 1)"
        case .evaluating(let job): "while the \(job.kind.rawValue) set was evaluated"
        case .verifying, .fetching: "while the model was collected"
        case .failing: "after another failure in step \(progress.completed + 1)"
        case .saving, .ended: "at the end"
        }
    }
}
