import Support

/// Who takes part: greetings, numbers, and generations of members.
///
/// Members are numbered into generations. A generation begins when the one before lost a worker, or when one wants to
/// join; then all report which steps they have applied, those behind are sent the state of one that is not, and the
/// work goes on from the newest state that there is.
struct Membership: Sendable {
    private static let generationBits: UInt64 = 24
    /// Generations in a row that may be formed without a step being completed.
    private static let maxFruitless = 50
    /// Seconds in which every worker that runs and reaches this coordinator must have sent its greeting: more than
    /// twice the longest time between two of its messages.
    private static let greetingSeconds = 2.5
    /// Seconds of silence to the coordinator after which a member counts as lost, not merely as cut off from its peers.
    private static let silence = 2.0
    /// Seconds to wait for the process id of a local worker before a greeting is taken as that of an external one.
    private static let identifySeconds = 1.0

    private let settings: CoordinatorSettings
    /// The members of the generation, by rank.
    var members: [WorkerRecord] = []
    /// Those that will be members of the next one.
    private(set) var waiting: [WorkerRecord] = []
    /// Workers whose process id is not known as a child's (yet), and since when.
    private var unidentified: [PeerID: (worker: WorkerDescription, since: Double)] = [:]
    private(set) var generation: UInt64
    /// The highest generation that a worker has reported; an earlier coordinator process formed it.
    private var newestGeneration: UInt64 = 0
    /// Whether a first generation has come to work.
    var hasBegun = false
    /// A new generation is to be formed before the next step.
    var wantsGeneration = false
    /// Generations that were formed since a step was completed.
    private var fruitless = 0
    /// The step from which the generation that is being formed goes on.
    var nextStep = 0
    /// Workers of the first generation that were left out as others could not reach them.
    private var excludedCount = 0

    init(_ settings: CoordinatorSettings) {
        self.settings = settings
        generation = UInt64(clamping: settings.previousStarts) << Self.generationBits
    }

    // MARK: who is there

    /// Members, and those that will be.
    var all: [WorkerRecord] { members + waiting }
    var count: Int { members.count + waiting.count }
    /// The generation's number since this coordinator was started.
    var shownGeneration: UInt64 { generation & (1 << Self.generationBits - 1) }
    /// Whether no worker is there, known or not.
    var isDeserted: Bool { members.isEmpty && waiting.isEmpty && unidentified.isEmpty }

    func index(of peer: PeerID) -> Int? { members.firstIndex { $0.peer == peer } }

    func record(of peer: PeerID) -> WorkerRecord? { all.first { $0.peer == peer } }

    /// Whether it takes part, or is about to.
    func knows(_ peer: PeerID) -> Bool {
        index(of: peer) != nil || waiting.contains { $0.peer == peer } || unidentified[peer] != nil
    }

    func isUnidentified(_ peer: PeerID) -> Bool { unidentified[peer] != nil }

    /// Sends all of them the end of the run.
    func shutDown(_ reason: String, isComplete: Bool, _ transition: inout Transition) {
        for peer in all.map(\.peer) + unidentified.keys {
            transition.send(.shutdown(reason, isComplete: isComplete), to: peer)
        }
    }

    // MARK: signs of life

    /// A message from a worker that is waiting; false from any other.
    mutating func recordContact(_ peer: PeerID, residentBytes: UInt64?, _ now: Double) -> Bool {
        guard let at = waiting.firstIndex(where: { $0.peer == peer }) else { return false }
        waiting[at].lastHeard = now
        if let residentBytes { waiting[at].residentBytes = residentBytes }
        return true
    }

    /// Extends all deadlines by the time for which nothing could be received.
    mutating func extendDeadlines(by seconds: Double) {
        for i in members.indices {
            members[i].lastHeard += seconds
            members[i].owesSince = members[i].owesSince.map { $0 + seconds }
        }
        for i in waiting.indices { waiting[i].lastHeard += seconds }
    }

    // MARK: joining

    /// Generations of coordinators that are no more must not be confused with new ones.
    mutating func reported(generation: UInt64) {
        newestGeneration = max(newestGeneration, min(generation, ControlLimits.maxGeneration / 2))
    }

    /// A greeting of a worker that is not known.
    ///
    /// - Parameters:
    ///   - runID: Of the run that it has worked for; empty for none.
    ///   - expectedRunID: Of this run; nil until it is known.
    ///   - child: The number of the child that it is.
    /// - Returns: the number that it joins with; nil if it is refused, or is perhaps a child.
    mutating func admit(
        _ worker: WorkerDescription, from peer: PeerID, runID: String, expectedRunID: String?, child: Int?,
        children: Set<Int>, _ transition: inout Transition
    ) -> Int? {
        if let expectedRunID, !runID.isEmpty, runID != expectedRunID {
            transition.send(.refusal("it worked for another run; start it again"), to: peer)
            transition.perform(
                .logSender(peer, "a worker of another run (pid \(worker.pid) on \(worker.host)) was sent away"))
            return nil
        }
        let isPerhapsChild = settings.local && runID.isEmpty
        // A child is always admitted: it replaces one that is gone, though perhaps that is not known yet.
        guard
            child != nil || isPerhapsChild && unidentified.count < settings.workers || count < settings.maxWorkers
        else {
            refuseSurplus(peer, &transition)
            transition.perform(
                .logSender(peer, "a worker too many (pid \(worker.pid) on \(worker.host)) was sent away"))
            return nil
        }
        if let child { return child }
        if isPerhapsChild {
            unidentified[peer] = (worker, transition.now)
            return nil
        }
        return freeNumber(isReturning: !runID.isEmpty, children: children)
    }

    private func refuseSurplus(_ peer: PeerID, _ transition: inout Transition) {
        transition.send(.refusal("the run has all the workers that it has work for (\(settings.maxWorkers))"), to: peer)
    }

    /// The worker with this process id, which is a child after all.
    mutating func identify(pid: Int) -> (peer: PeerID, worker: WorkerDescription)? {
        guard let (peer, newcomer) = unidentified.first(where: { $0.value.worker.pid == pid }) else { return nil }
        unidentified[peer] = nil
        return (peer, newcomer.worker)
    }

    /// Those that are no children, as their process ids would be known by now.
    mutating func giveUpIdentifying(_ now: Double) -> [(peer: PeerID, worker: WorkerDescription)] {
        let late = unidentified.filter { now - $0.value.since > Self.identifySeconds }
        for peer in late.keys { unidentified[peer] = nil }
        return late.map { ($0.key, $0.value.worker) }
    }

    mutating func forgetUnidentified(_ peer: PeerID) { unidentified[peer] = nil }

    /// Whether another worker may join; it is refused otherwise.
    func hasRoom(for peer: PeerID, _ transition: inout Transition) -> Bool {
        guard count < settings.maxWorkers else {
            refuseSurplus(peer, &transition)
            return false
        }
        return true
    }

    /// The lowest number that is free. Those of children are for children, and for workers that come back.
    func freeNumber(isReturning: Bool, children: Set<Int>) -> Int {
        let taken = Set(all.map(\.number)).union(children)
        var number = settings.local && !isReturning ? settings.workers : 0
        while taken.contains(number) { number += 1 }
        return number
    }

    /// A worker joins, and becomes a member with the next generation; false if its number is not free yet.
    mutating func join(
        _ worker: WorkerDescription, number: Int, applied: Int?, from peer: PeerID, _ transition: inout Transition
    ) -> Bool {
        guard !all.contains(where: { $0.number == number }) else {
            // The worker that it replaces is not known to be gone yet.
            unidentified[peer] = (worker, transition.now)
            return false
        }
        if let first = members.first ?? waiting.first,
            first.worker.products(in: settings.precision) != worker.products(in: settings.precision)
        {
            transition.warn(
                "worker \(number) on \(worker.host) computes with \(worker.instructionSet), worker "
                    + "\(first.number) with \(first.worker.instructionSet): the weights will not have the same "
                    + "bits as those of a run on one kind of processor")
        }
        var record = WorkerRecord(peer: peer, number: number, worker: worker, lastHeard: transition.now)
        record.applied = applied
        waiting.append(record)
        transition.record(.joined, record.name, applied.map { "with the state after step \($0)" } ?? "")
        transition.emit(
            .workerJoined(
                WorkerSummary(
                    name: record.name, host: worker.host, pid: worker.pid, threads: worker.threads,
                    cpu: worker.cpu, instructionSet: worker.instructionSet),
                joined: count, expected: max(settings.workers, count)))
        return true
    }

    // MARK: leaving

    /// Removes a worker that is lost.
    mutating func remove(_ peer: PeerID) -> (record: WorkerRecord, wasMember: Bool)? {
        guard let record = record(of: peer) else { return nil }
        let wasMember = !waiting.contains { $0.peer == peer }
        waiting.removeAll { $0.peer == peer }
        members.removeAll { $0.peer == peer }
        return (record, wasMember)
    }

    /// Leaves out members that others do not reach. Those that are silent are lost, and may come back; the others would
    /// come back to the same trouble, and are refused.
    mutating func exclude(_ records: [WorkerRecord], _ transition: inout Transition) {
        for record in records where transition.now - record.lastHeard <= Self.silence {
            let place = record.endpoint ?? "?"
            transition.send(
                .refusal("other workers and this one (\(place)) do not reach each other; see the coordinator"),
                to: record.peer)
        }
        if !hasBegun { excludedCount += records.count }
        let peers = Set(records.map(\.peer))
        members.removeAll { peers.contains($0.peer) }
        for record in records {
            let why = "is left out: other workers and it do not reach each other"
            transition.record(.lost, record.name, why)
            transition.emit(.workerLost("\(record.name) \(why)", left: count))
        }
    }

    // MARK: generations

    /// The workers that must be there for the work to begin, or to go on, after so many seconds of waiting.
    func minimum(isEnding: Bool, waited: Double = .infinity) -> Int {
        if isEnding { return 1 }
        if hasBegun || settings.isResumed && waited > settings.returnSeconds { return settings.minWorkers }
        return max(settings.minWorkers, settings.workers - excludedCount)
    }

    /// Whether, after so many seconds, a worker may come back yet that is further than those that are there: an earlier
    /// coordinator has seen steps that are in no checkpoint.
    ///
    /// - Parameters:
    ///   - known: The steps that the run's files know of.
    ///   - kept: Those of the newest checkpoint.
    func awaitsReturn(_ waited: Double, known: Int, kept: Int) -> Bool {
        guard settings.isResumed, !hasBegun, waited < Self.greetingSeconds else { return false }
        return max(all.compactMap(\.applied).max() ?? 0, kept) < known
    }

    /// The speeds by rank that were measured in the generation that ends.
    mutating func noteSpeeds(_ speeds: [Double?]) {
        for (rank, speed) in speeds.enumerated() {
            // A worker that was lost is not among the members any more.
            if let at = members.firstIndex(where: { $0.rank == rank && $0.endpoint != nil }) {
                members[at].speed = speed
            }
        }
    }

    /// Makes members of all that are there: by their numbers, if `arranged` has no other order for them.
    mutating func assemble(_ arranged: ([WorkerRecord]) -> [WorkerRecord]) {
        members = arranged(all.sorted { $0.number < $1.number })
        waiting.removeAll()
        wantsGeneration = false
        for rank in members.indices {
            members[rank].rank = rank
            members[rank].endpoint = nil
            members[rank].isReady = false
            members[rank].mustLoad = false
            members[rank].digest = nil
            members[rank].owesSince = nil
        }
    }

    /// There are too few members for a generation: all that they send still belongs to one that is no more.
    mutating func abandon(_ transition: inout Transition) {
        for member in members { transition.send(.abandon("waiting for more workers"), to: member.peer) }
        generation += 1
        transition.generation = generation
        if hasBegun { transition.emit(.waiting(workers: members.count, needed: settings.minWorkers)) }
    }

    /// Begins a generation; an error if too many came to nothing.
    mutating func beginGeneration(_ transition: inout Transition) -> RunError? {
        guard fruitless < Self.maxFruitless else {
            return .failed("the workers cannot work together: \(fruitless) attempts without a step")
        }
        fruitless += 1
        generation = max(generation, newestGeneration) + 1
        transition.generation = generation
        // All have one, or none has: the coordinator's keys let in only workers with keys.
        let keys = members.compactMap(\.worker.dataKey)
        for member in members {
            transition.send(
                .membership(
                    rank: member.rank, worldSize: members.count, keys: keys.count == members.count ? keys : []),
                to: member.peer)
        }
        return nil
    }

    /// A step was completed.
    mutating func stepCompleted() { fruitless = 0 }

    // MARK: for people

    /// Where a run that is resumed really goes on.
    func resumedFrom(_ step: Int) -> String {
        guard step > 0 else { return "beginning anew: neither a checkpoint nor a worker's state was found" }
        return "going on after step \(step), "
            + (members.contains { $0.applied == step }
                ? "with the state of the workers that live still" : "with the state of the checkpoint")
    }

    /// Too few workers joined, or were ready, within the time for that.
    ///
    /// - Parameters:
    ///   - endpoint: Where workers connect to; empty if that is not known.
    ///   - output: The run directory.
    func joinTimeout(endpoint: String, output: String) -> RunError {
        let seconds = Int(settings.joinTimeout)
        let command = CommandName.line("worker", "--coordinator", endpoint.isEmpty ? "ENDPOINT" : endpoint)
        if hasBegun {
            return .workerLost(
                "only \(count) of at least \(plural(settings.minWorkers, "worker")) \(count == 1 ? "was" : "were") "
                    + "there for \(seconds) s; start others with `\(command)`, or go on with fewer: "
                    + "\(CommandName.line("resume", output.isEmpty ? "RUN" : output)) --min-workers \(max(1, count))")
        }
        guard count >= settings.workers else {
            return .failed(
                "\(count) of \(plural(settings.workers, "worker")) joined within \(seconds) s; "
                    + "start the others with `\(command)`, or wait longer with --join-timeout")
        }
        let late = members.filter { !$0.isReady }.map(\.name).joined(separator: ", ")
        return .workerLost("not ready within \(seconds) s: \(late)")
    }
}
