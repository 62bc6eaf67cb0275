import Foundation
import Support

/// How a run goes: what `shoal status` shows, and `status.json` in the run directory holds.
public struct RunStatus: Sendable, Codable, Equatable, Checked {
    /// A worker as the coordinator sees it.
    public struct Worker: Sendable, Codable, Equatable {
        /// Its number.
        public var number: Int
        /// Its host.
        public var host: String
        /// Its process there.
        public var pid: Int
        /// Its compute threads.
        public var threads: Int
        /// `joining`, `connecting`, `working`, `waiting` (while something is saved, say) or `ended`.
        public var state: String
        /// Micro-batches a second that it computes; nil until measured.
        public var speed: Double?
        /// Its share of a step's micro-batches; nil where it has none yet.
        public var share: Double?
        /// Seconds since its last message.
        public var silentSeconds: Double
        /// Its resident memory in bytes.
        public var residentBytes: Int

        private enum CodingKeys: String, CodingKey {
            case number, host, pid, threads, state, speed, share
            case silentSeconds = "silent_seconds"
            case residentBytes = "resident_bytes"
        }
    }

    /// Something that happened to the membership.
    public struct Change: Sendable, Codable, Equatable {
        /// What happened.
        public enum Kind: String, Sendable, Codable {
            /// A worker came.
            case joined
            /// A worker went.
            case lost
            /// A generation began.
            case generation
        }

        /// What happened.
        public var kind: Kind
        /// To whom.
        public var subject: String
        /// More about it.
        public var detail: String
        /// The steps done then.
        public var step: Int
        /// When: seconds since 1970.
        public var time: Double
    }

    /// The process that a status is of, and when.
    public struct Process: Sendable, Equatable {
        /// Its process id.
        public var pid: Int
        /// Its host.
        public var host: String
        /// Seconds since 1970.
        public var time: Double

        /// These.
        public init(pid: Int, host: String, time: Double) {
            self.pid = pid
            self.host = host
            self.time = time
        }

        /// This process, now.
        public static var current: Process {
            Process(
                pid: Int(getpid()), host: ProcessInfo.processInfo.hostName, time: Date().timeIntervalSince1970)
        }
    }

    /// What the run does: `gathering`, `connecting`, `training`, `evaluating`, `saving`, `failing`, `stopping` (after
    /// Ctrl-C, SIGTERM or a loss of workers: it ends as soon as the state is kept), `ended`.
    public var phase: String
    /// Steps done.
    public var step: Int
    /// Steps of the whole run.
    public var totalSteps: Int
    /// The phase of the recipe, from 1, where the run has more than one.
    public var trainingPhase: Int?
    /// How many it has, where that is more than one.
    public var trainingPhases: Int?
    /// The model's parameters; nil before it is read.
    public var parameters: Int?
    /// Those of them that are trained.
    public var trainedParameters: Int?
    /// The epoch of the newest step, from 1; nil before the first step.
    public var epoch: Int?
    /// The epochs of the phase, the last one perhaps not whole; nil before the data are read.
    public var totalEpochs: Int?
    /// The newest step's mean loss.
    public var loss: Double?
    /// The newest step's learning rate.
    public var learningRate: Double?
    /// Seconds to the end, evaluations to come included; nil before anything was measured.
    public var secondsLeft: Double?
    /// The newest step's throughput.
    public var tokensPerSecond: Double?
    /// The generation of the membership.
    public var generation: UInt64
    /// The newest checkpoint.
    public var checkpoint: String?
    /// Seconds since the coordinator was started.
    public var elapsedSeconds: Double
    /// The coordinator's process.
    public var pid: Int
    /// The coordinator's host.
    public var host: String
    /// Where workers connect to.
    public var endpoint: String
    /// When this was so: seconds since 1970.
    public var time: Double
    /// All workers, by number.
    public var workers: [Worker]
    /// What happened to the membership, oldest first; the last 1,000 changes.
    public var changes: [Change]

    private enum CodingKeys: String, CodingKey {
        case phase, step, epoch, loss, generation, checkpoint, pid, host, endpoint, time, workers, changes,
            parameters
        case totalEpochs = "total_epochs"
        case trainingPhase = "training_phase"
        case trainingPhases = "training_phases"
        case trainedParameters = "trained_parameters"
        case learningRate = "learning_rate"
        case secondsLeft = "seconds_left"
        case totalSteps = "total_steps"
        case tokensPerSecond = "tokens_per_second"
        case elapsedSeconds = "elapsed_seconds"
    }

    /// As JSON, keys sorted.
    public func json() -> String {
        // All numbers are finite, or left out.
        (try? StableJSON.document(self)).map { String(decoding: $0.dropLast(), as: UTF8.self) } ?? "{}"
    }

    /// The most bytes that it may have as JSON: those of 1,024 workers and 1,000 changes are below a megabyte.
    static let maxBytes = 16 << 20

    /// From JSON.
    ///
    /// - Throws: an error that names the key whose value is missing, of the wrong kind, or out of range.
    public init(json: String) throws { self = try CheckedFile.decode(RunStatus.self, from: Data(json.utf8)) }

    func check() throws(ValueProblem) {
        let (count, seconds) = (0...CheckedFile.maxCount, 0...CheckedFile.maxSeconds)
        try ValueProblem.check("step", step, in: count)
        try ValueProblem.check("training_phase", trainingPhase ?? 1, in: 1...CheckedFile.maxCount)
        try ValueProblem.check("training_phases", trainingPhases ?? 1, in: 1...CheckedFile.maxCount)
        try ValueProblem.check("parameters", parameters ?? 0, in: 0...(1 << 50))
        try ValueProblem.check("trained_parameters", trainedParameters ?? 0, in: 0...(parameters ?? 0))
        try ValueProblem.check("total_steps", totalSteps, in: 0...(1 << 50))
        try ValueProblem.check("tokens_per_second", tokensPerSecond, in: 0...1e15)
        try ValueProblem.check("elapsed_seconds", elapsedSeconds, in: seconds)
        try ValueProblem.check("pid", pid, in: 0...Int(Int32.max))
        try ValueProblem.check("time", time, in: seconds)
        try ValueProblem.check("workers", workers.count, in: 0...65_536)
        try ValueProblem.check("changes", changes.count, in: 0...65_536)
        for (i, worker) in workers.enumerated() {
            try ValueProblem.check("workers.\(i).number", worker.number, in: count)
            try ValueProblem.check("workers.\(i).pid", worker.pid, in: 0...Int.max)
            try ValueProblem.check("workers.\(i).threads", worker.threads, in: count)
            try ValueProblem.check("workers.\(i).speed", worker.speed, in: 0...1e15)
            try ValueProblem.check("workers.\(i).share", worker.share, in: 0...1)
            try ValueProblem.check("workers.\(i).silent_seconds", worker.silentSeconds, in: seconds)
            try ValueProblem.check("workers.\(i).resident_bytes", worker.residentBytes, in: 0...Int.max)
        }
        for (i, change) in changes.enumerated() {
            try ValueProblem.check("changes.\(i).step", change.step, in: count)
            try ValueProblem.check("changes.\(i).time", change.time, in: seconds)
        }
    }

    init(
        phase: String, step: Int, totalSteps: Int, loss: Double?, tokensPerSecond: Double?, generation: UInt64,
        checkpoint: String?, elapsedSeconds: Double, endpoint: String, workers: [Worker], changes: [Change],
        process: Process
    ) {
        self.phase = phase
        self.step = step
        self.totalSteps = totalSteps
        self.loss = loss.flatMap { $0.isFinite ? $0 : nil }
        self.tokensPerSecond = tokensPerSecond.flatMap { $0.isFinite ? $0 : nil }
        self.generation = generation
        self.checkpoint = checkpoint
        self.elapsedSeconds = elapsedSeconds
        pid = process.pid
        host = process.host
        self.endpoint = endpoint
        time = process.time
        self.workers = workers
        self.changes = changes
    }
}
