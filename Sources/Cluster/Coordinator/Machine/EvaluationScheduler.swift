import Inference
import Modeling
import Support
import Training

/// Hands out the micro-batches of an evaluation to whichever worker is free; their composition is fixed, so that it
/// does not depend on the workers.
struct EvaluationScheduler: Sendable {
    /// An evaluation under way, or one that was interrupted.
    private struct Job: Sendable {
        var kind: EvaluationKind
        var source: any ExampleSource
        var startedAt: Double
        /// Examples of a micro-batch.
        var batchSize: Int
        /// Bytes, at most, of what is counted of an example.
        var metricBytes: Int
        /// Brings the metrics.
        var head: any Head
        var labels: [String]
        /// The next example to hand out.
        var next = 0
        /// Examples that were handed out to workers that did not answer.
        var again: [Range<Int>] = []
        /// The orders out, by id.
        var orders: [UInt32: Order] = [:]
        /// What was found of every micro-batch, by its number.
        var parts: [EvaluationPart?]
        var done = 0
        /// What was looked for in the cache, and whether it has answered; nil where there is none.
        var lookup: (request: OutputLookup, isDone: Bool)?
        /// A member is sent away: nothing is concluded before the generation that follows.
        var awaitsGeneration = false

        var isComplete: Bool { done == source.count && !awaitsGeneration }

        /// Takes the next micro-batches, so many at most, that follow each other and that nothing is known of yet; nil
        /// where none are left.
        mutating func takeNext(_ batches: Int) -> Range<Int>? {
            while next < source.count, parts[next / batchSize] != nil { next += batchSize }
            let first = next
            while next < source.count, next < first + batches * batchSize, parts[next / batchSize] == nil {
                next += batchSize
            }
            next = min(next, source.count)
            return first < next ? first..<next : nil
        }

        /// The numbers of the micro-batches that have these examples.
        func microBatches(of examples: Range<Int>) -> Range<Int> {
            examples.lowerBound / batchSize..<(examples.upperBound + batchSize - 1) / batchSize
        }

        /// The examples of a micro-batch.
        func examples(of microBatch: Int) -> Range<Int> {
            microBatch * batchSize..<min((microBatch + 1) * batchSize, source.count)
        }
    }

    private struct Order: Sendable {
        var peer: PeerID
        var examples: Range<Int>
        /// The worker that has found a loss of these that is not finite.
        var claimedBy: PeerID?
        /// Its micro-batches are packed and sent.
        var isSent = false
    }

    /// The orders of a worker: while one is computed, the next is on its way.
    private static let ordersPerWorker = 2

    private var job: Job?
    /// Orders of all evaluations, so that a late answer is never taken for another one.
    private var nextOrderID: UInt32 = 0
    private var nextLookup: UInt32 = 0
    /// The outcome of the test set.
    private(set) var test: EvaluationRecord?

    /// What is being evaluated, or was when the generation ended.
    var kind: EvaluationKind? { job?.kind }
    var isComplete: Bool { job?.isComplete ?? false }

    /// Whether a worker has an order that it has not answered.
    func isAwaited(_ peer: PeerID) -> Bool {
        job?.orders.values.contains { $0.peer == peer && $0.isSent } ?? false
    }

    /// - Parameter origin: What the outputs follow from, where they are to be looked for before they are computed.
    mutating func start(
        _ kind: EvaluationKind, _ source: any ExampleSource, batchSize: Int, metricBytes: Int = 0, head: any Head,
        labels: [String], origin: EmbeddingOrigin? = nil, _ transition: inout Transition
    ) {
        let batches = (source.count + batchSize - 1) / batchSize
        job = Job(
            kind: kind, source: source, startedAt: transition.now, batchSize: batchSize,
            metricBytes: metricBytes, head: head, labels: labels,
            parts: [EvaluationPart?](repeating: nil, count: batches))
        if let origin {
            let request = OutputLookup(id: nextLookup, origin: origin, batchSize: batchSize)
            job?.lookup = (request, false)
            transition.perform(.lookUpOutputs(request))
            nextLookup &+= 1
        }
        transition.emit(.evaluating(kind, done: 0, total: source.count))
    }

    /// The cache has answered: what it has need not be computed.
    mutating func found(_ id: UInt32, _ parts: [Int: EvaluationPart], _ transition: inout Transition) {
        guard var job, let (request, isDone) = job.lookup, request.id == id, !isDone else { return }
        job.lookup = (request, true)
        for (number, part) in parts
        where job.parts.indices.contains(number) && part.losses.count == job.examples(of: number).count {
            job.parts[number] = part
            job.done += part.losses.count
        }
        self.job = job
        transition.emit(.evaluating(job.kind, done: job.done, total: job.source.count))
        let known = job.parts.count { $0 != nil }
        transition.emit(.notice("\(known) of \(plural(job.parts.count, "batch", "batches")) of embeddings were cached"))
    }

    /// The generation ends, or the run: what the orders out asked for is to be handed out again.
    mutating func suspend() {
        guard var job else { return }
        job.again += job.orders.values.map(\.examples)
        job.orders.removeAll()
        job.awaitsGeneration = false
        self.job = job
    }

    /// The run goes back to an earlier step: nothing counts that was evaluated after it.
    mutating func discard() {
        job = nil
        test = nil
    }

    // MARK: orders

    /// Gives the members of a new generation their orders.
    mutating func handOut(to members: [WorkerRecord], _ transition: inout Transition) {
        for _ in 0..<Self.ordersPerWorker { for member in members { handOut(to: member, &transition) } }
    }

    private mutating func handOut(to member: WorkerRecord, _ transition: inout Transition) {
        guard var job, job.lookup?.isDone ?? true else { return }
        if let again = job.again.popLast() {
            self.job = job
            order(again, of: member.peer, claimedBy: nil, &transition)
        } else {
            // The report must fit into an envelope.
            let fitting = min(
                ControlLimits.maxEvaluationExamples, ControlLimits.reportBytes / 2 / max(1, job.metricBytes))
            let most = fitting / job.batchSize
            let batches = max(1, min(member.worker.threads, most))
            let examples = job.takeNext(batches)
            self.job = job
            guard let examples else { return }
            order(examples, of: member.peer, claimedBy: nil, &transition)
        }
    }

    /// Has the micro-batches packed that a worker is to evaluate.
    private mutating func order(
        _ examples: Range<Int>, of peer: PeerID, claimedBy claimant: PeerID?, _ transition: inout Transition
    ) {
        guard let kind = job?.kind, let batchSize = job?.batchSize else { return }
        job?.orders[nextOrderID] = Order(peer: peer, examples: examples, claimedBy: claimant)
        transition.perform(.prefetch(.evaluation(id: nextOrderID, kind, examples: examples, batchSize: batchSize)))
        nextOrderID &+= 1
    }

    /// The micro-batches of an order are packed: sends them, if the order still stands.
    mutating func prefetched(_ id: UInt32, _ batches: [PackedBatch], step: Int, _ transition: inout Transition) {
        guard let peer = job?.orders[id]?.peer else { return }
        job?.orders[id]?.isSent = true
        transition.send(.evaluate(id: id, batches: batches), to: peer, step: step)
    }

    // MARK: reports

    /// Takes in what a member has found of an order. A member whose report does not fit, or whose claim another one
    /// refutes, is sent away.
    ///
    /// - Returns: an error that ends the run, if two workers found losses that are not finite, or the only one twice.
    mutating func take(
        _ found: [MicroBatchMetrics], of id: UInt32, from member: WorkerRecord, members: [WorkerRecord],
        _ transition: inout Transition
    ) -> RunError? {
        guard var job, let order = job.orders[id], order.peer == member.peer, order.isSent,
            job.microBatches(of: order.examples).map({ job.examples(of: $0).count }) == found.map(\.losses.count)
        else {
            transition.request(.sendAway(member.peer, what: "metrics that do not fit an order"))
            return nil
        }
        guard found.allSatisfy({ $0.losses.allSatisfy(\.isFinite) }) else {
            job.orders[id] = nil
            self.job = job
            guard order.claimedBy == nil else { return Self.notFinite(job.kind) }
            // One worker's claim is not enough.
            let other = members.first { $0.peer != order.peer } ?? member
            self.order(order.examples, of: other.peer, claimedBy: order.peer, &transition)
            return nil
        }
        do throws(ModelError) {
            for (number, part) in zip(job.microBatches(of: order.examples), found) {
                job.parts[number] = try EvaluationPart(
                    losses: part.losses, targetCounts: part.targetCounts, json: part.metrics, head: job.head)
            }
        } catch {
            transition.request(.sendAway(member.peer, what: "metrics that do not fit an order: \(error)"))
            return nil
        }
        job.orders[id] = nil
        job.done += order.examples.count
        if let lookup = job.lookup {
            let batches = job.microBatches(of: order.examples)
            transition.perform(
                .keepOutputs(
                    CollectedBatches(
                        lookup: lookup.request.id, first: batches.lowerBound,
                        parts: batches.compactMap { job.parts[$0] },
                        products: member.worker.products(in: lookup.request.origin.precision))))
        }
        transition.emit(.evaluating(job.kind, done: job.done, total: job.source.count))
        self.job = job
        handOut(to: member, &transition)
        if let claimant = order.claimedBy, claimant != order.peer, members.contains(where: { $0.peer == claimant }) {
            let what = "losses that are not finite, and another worker finds them finite"
            transition.request(.sendAway(claimant, what: what))
            self.job?.awaitsGeneration = true
        }
        return nil
    }

    private static func notFinite(_ kind: EvaluationKind) -> RunError {
        kind == .collection
            ? .failed("the embedding of a text is not finite: the model is damaged; fetch it again")
            : .failed("the loss of the \(kind.rawValue) set is not finite; try a lower --learning-rate")
    }

    /// Takes in what was found without workers.
    mutating func take(_ record: EvaluationRecord, _ transition: inout Transition) {
        transition.emit(.evaluation(record))
        if record.kind == .test { test = record }
    }

    /// Takes the outputs that were collected, in the order of the micro-batches; nil where none were.
    mutating func finishCollection() -> EvaluationPart? {
        guard let job, job.kind == .collection else { return nil }
        self.job = nil
        var all = EvaluationPart(job.head)
        for part in job.parts { if let part { all.merge(part) } }
        return all
    }

    /// Takes the outcome of an evaluation that is complete, in the order of the micro-batches.
    ///
    /// - Parameters:
    ///   - step: The steps completed.
    ///   - epoch: The epochs finished.
    ///   - tested: The step of the state that a test evaluates, if that is not the newest; and the threshold that a
    ///     validation has chosen, if one has: a test chooses none.
    mutating func finish(
        step: Int, epoch: Int, tested: (step: Int?, threshold: Double?), _ transition: inout Transition
    ) -> Result<EvaluationRecord, RunError> {
        guard let job else { return .failure(.failed("no evaluation is under way")) }
        self.job = nil
        var all = EvaluationPart(job.head)
        for part in job.parts { if let part { all.merge(part) } }
        all.join(job.source.continues)
        if job.kind == .test { all.use(threshold: tested.threshold ?? ModelConfiguration.standardThreshold) }
        let report = all.report(labels: job.labels)
        guard report.loss.isFinite else { return .failure(Self.notFinite(job.kind)) }
        let record = EvaluationRecord(
            kind: job.kind, step: step, epoch: epoch,
            metrics: report,
            seconds: transition.now - job.startedAt, modelStep: job.kind == .test ? tested.step : nil)
        transition.emit(.evaluation(record))
        if job.kind == .test { test = record }
        return .success(record)
    }
}
