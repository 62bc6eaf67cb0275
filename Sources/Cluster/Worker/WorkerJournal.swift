import Support

/// What a worker that was started by hand says about itself, a line now and then: that it waits, that it has joined,
/// what it has done.
struct WorkerJournal: Sendable {
    /// Seconds without an answer after which a line says that one is waited for.
    static let quietSeconds = 3.0
    /// Seconds between two lines about the steps done.
    static let interval = 60.0

    /// Nothing is logged: the process that started the worker shows the progress.
    private let isQuiet: Bool
    private let coordinator: String
    private let startedAt: Double
    private var isWaitedFor = false
    private var classes = 0
    private var world: (rank: Int, size: Int)?
    private var lastLineAt: Double
    private var step: UInt64 = 0
    private var steps = 0
    private var stepsAtLastLine = 0
    private var examples = 0

    init(isQuiet: Bool, coordinator: String, now: Double) {
        self.isQuiet = isQuiet
        self.coordinator = coordinator.printable()
        startedAt = now
        lastLineAt = now
    }

    /// The coordinator has answered.
    mutating func welcomed(classes: Int) -> String? {
        self.classes = classes
        return isQuiet ? nil : "the coordinator at \(coordinator) has answered; waiting until the work begins"
    }

    /// A place in the work: rank `rank` of `size`, after `step` steps of the run. Nil where there is nothing new to
    /// say.
    mutating func joined(rank: Int, size: Int, step: UInt64) -> String? {
        let isFirst = world == nil
        guard isFirst || world?.size != size else { return nil }
        world = (rank, size)
        guard !isQuiet else { return nil }
        let place = "worker \(rank + 1) of \(size)"
        guard isFirst else { return "going on as \(place), after step \(step)" }
        let task = "it trains a model with \(plural(classes, "class", "classes"))"
        return "joined as \(place): \(task), \(step == 0 ? "from the beginning" : "after step \(step)")"
    }

    /// The run has this many steps behind it, the newest of them done here.
    mutating func stepped(_ step: UInt64) {
        self.step = step
        steps += 1
    }

    /// Some examples were evaluated.
    mutating func evaluated(examples count: Int) { examples += count }

    /// A line now and then.
    mutating func tick(_ now: Double) -> String? {
        guard !isQuiet else { return nil }
        guard classes > 0 else {
            guard !isWaitedFor, now - startedAt >= Self.quietSeconds else { return nil }
            isWaitedFor = true
            return "waiting for an answer of the coordinator at \(coordinator)"
        }
        guard steps > stepsAtLastLine, now - lastLineAt >= Self.interval else { return nil }
        lastLineAt = now
        stepsAtLastLine = steps
        return "step \(step) is done; \(plural(steps, "step")) with this worker"
    }

    /// What was done, to follow the line about the end of the run; empty where nothing is to be said.
    var done: String {
        guard !isQuiet, classes > 0 else { return "" }
        let evaluated = examples > 0 ? " and evaluated \(plural(examples, "example"))" : ""
        return "; this worker took part in \(plural(steps, "step"))\(evaluated)"
    }
}
