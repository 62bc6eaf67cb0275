/// Workers that are children of the coordinator's process: when one is started again, and when one that hangs is
/// killed.
struct LocalWorkerPolicy: Sendable {
    private let settings: CoordinatorSettings
    /// Process ids of children that run, by number; 0 for one whose process id is not known yet.
    private(set) var processes: [Int: Int] = [:]
    private(set) var restarts = 0
    /// Children to be started, and when.
    private var scheduledRestarts: [Int: Double] = [:]
    /// Children that fell silent, and when to kill them.
    private var killDeadlines: [Int: Double] = [:]
    private var failures = RepeatedFailures()

    init(_ settings: CoordinatorSettings) { self.settings = settings }

    /// The number of the child with this process id.
    func number(ofProcess pid: Int) -> Int? { processes.first { $0.value == pid }?.key }

    mutating func started(_ number: Int, pid: Int) { processes[number] = pid }

    mutating func exited(_ number: Int) {
        processes[number] = nil
        killDeadlines[number] = nil
    }

    /// It gave a sign of life.
    mutating func isAlive(_ number: Int) { killDeadlines[number] = nil }

    /// A worker is not a member any more. If its process runs still, it has some time to end by itself.
    mutating func lost(_ record: WorkerRecord, isEnding: Bool, _ transition: inout Transition) {
        if processes[record.number] == record.worker.pid {
            killDeadlines[record.number] = record.lastHeard + settings.heartbeatTimeout
        } else {
            restart(record.number, isEnding: isEnding, &transition)
        }
    }

    /// Starts a worker in place of one that is gone, if one may be started: not for a run that `isEnding`.
    mutating func restart(_ number: Int, after seconds: Double = 0, isEnding: Bool, _ transition: inout Transition) {
        guard settings.local, number < settings.workers, !isEnding, restarts < settings.maxRestarts,
            processes[number] == nil
        else { return }
        restarts += 1
        processes[number] = 0
        transition.warn("worker \(number) is started again (\(restarts) of at most \(settings.maxRestarts) times)")
        if seconds > 0 {
            scheduledRestarts[number] = transition.now + seconds
        } else {
            transition.perform(.startWorker(number))
        }
    }

    /// Starts all whose process is not running, besides `numbers`.
    mutating func restartAll(except numbers: Set<Int> = [], isEnding: Bool, _ transition: inout Transition) {
        for number in 0..<settings.workers where !numbers.contains(number) {
            restart(number, isEnding: isEnding, &transition)
        }
    }

    /// Whether a worker's failure, in these words, is the second of its kind at this step.
    mutating func isRepeated(_ message: String, process: Int, worker number: Int, at step: Int) -> Bool {
        failures.add(message, process: process, worker: number, at: step)
    }

    /// Starts those whose time has come.
    mutating func startDue(_ transition: inout Transition) {
        for (number, time) in scheduledRestarts where transition.now >= time {
            scheduledRestarts[number] = nil
            transition.perform(.startWorker(number))
        }
    }

    /// Kills those that had time enough to end.
    mutating func killDue(_ transition: inout Transition) {
        for (number, deadline) in killDeadlines where transition.now >= deadline {
            killDeadlines[number] = nil
            if restarts < settings.maxRestarts { transition.perform(.killWorker(number)) }
        }
    }
}
