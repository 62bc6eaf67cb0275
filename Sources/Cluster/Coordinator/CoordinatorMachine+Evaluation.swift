import Training
import Transformer

extension CoordinatorMachine {
    /// An evaluation under way. Micro-batches have a fixed composition and are handed out to whoever is free.
    struct EvaluationJob: Sendable {
        var kind: EvaluationKind
        var source: any ExampleSource
        var startedAt: Double
        /// Examples of a micro-batch.
        var batchSize: Int
        /// The next example to hand out.
        var next = 0
        /// Examples that were handed out to somebody who did not answer.
        var again: [Range<Int>] = []
        /// The orders out: to whom, and which examples.
        var orders: [UInt32: Order] = [:]
        /// The logits of every micro-batch, by its number.
        var logits: [[Float]?]
        var done = 0

        /// The job without the orders that are out: what they asked for is to be handed out again.
        func withoutOrders() -> EvaluationJob {
            var job = self
            job.again += orders.values.map(\.examples)
            job.orders.removeAll()
            return job
        }

        struct Order: Sendable {
            var peer: PeerID
            var examples: Range<Int>
            /// Who has found a loss of these that is not finite.
            var claimedBy: PeerID?
        }
    }

    mutating func startEvaluation(_ kind: EvaluationKind, _ source: any ExampleSource, _ now: Double) {
        guard let preparation else { return }
        let batches = (source.count + preparation.evaluationBatch - 1) / preparation.evaluationBatch
        let job = EvaluationJob(
            kind: kind, source: source, startedAt: now, batchSize: preparation.evaluationBatch,
            logits: [[Float]?](repeating: nil, count: batches))
        perform(.emit(.evaluating(kind, done: 0, total: source.count)))
        remaining?.evaluating(kind, done: 0, total: source.count)
        resumeEvaluation(job, now)
    }

    mutating func resumeEvaluation(_ job: EvaluationJob, _ now: Double) {
        var job = job
        // Two orders each: while one is computed, the next is on its way.
        for _ in 0..<2 { for member in members { hand(&job, to: member) } }
        phase = .evaluating(job)
        if job.done == job.source.count { finishEvaluation(job, now) }
    }

    private mutating func hand(_ job: inout EvaluationJob, to member: Member) {
        guard let preparation else { return }
        let examples: Range<Int>
        if let again = job.again.popLast() {
            examples = again
        } else if job.next < job.source.count {
            let logitsOfBatch = max(1, job.batchSize * preparation.labels.count)
            let batches = max(1, min(member.worker.threads, ControlLimits.maxLogits / logitsOfBatch))
            examples = job.next..<min(job.source.count, job.next + batches * job.batchSize)
            job.next = examples.upperBound
        } else {
            return
        }
        issue(&job, examples, to: member, claimedBy: nil)
    }

    private mutating func issue(
        _ job: inout EvaluationJob, _ examples: Range<Int>, to member: Member, claimedBy claimant: PeerID?
    ) {
        let packed = stride(from: examples.lowerBound, to: examples.upperBound, by: job.batchSize).map {
            job.source.pack($0..<min($0 + job.batchSize, examples.upperBound), labels: false)
        }
        job.orders[nextOrderID] = EvaluationJob.Order(
            peer: member.peer, examples: examples, claimedBy: claimant)
        send(member.peer, .evaluate(id: nextOrderID, batches: packed), step: progress.completed)
        nextOrderID &+= 1
    }

    mutating func evaluationReported(_ id: UInt32, _ logits: [Float], _ index: Int, _ now: Double) {
        guard case .evaluating(var job) = phase, let labels = preparation?.labels.count else {
            // After an interrupt, orders that were out are still answered.
            if ending == nil { violation(index, "logits that nobody asked for", now) }
            return
        }
        guard let order = job.orders[id], order.peer == members[index].peer,
            logits.count == order.examples.count * labels
        else {
            violation(index, "logits that do not fit an order", now)
            return
        }
        job.orders[id] = nil
        if !isFinite(logits, of: order.examples, job.source, classes: labels) {
            if order.claimedBy != nil {
                end(
                    .failure(
                        .failed(
                            "the loss of the \(job.kind.rawValue) set is not finite; try a lower --learning-rate")))
                return
            }
            // One worker's word is not enough.
            let other = members.first { $0.peer != order.peer } ?? members[index]
            issue(&job, order.examples, to: other, claimedBy: order.peer)
            phase = .evaluating(job)
            return
        }
        var at = 0
        for start in stride(from: order.examples.lowerBound, to: order.examples.upperBound, by: job.batchSize) {
            let count = min(job.batchSize, order.examples.upperBound - start) * labels
            job.logits[start / job.batchSize] = Array(logits[at..<(at + count)])
            at += count
        }
        job.done += order.examples.count
        perform(.emit(.evaluating(job.kind, done: job.done, total: job.source.count)))
        remaining?.evaluating(job.kind, done: job.done, total: job.source.count)
        hand(&job, to: members[index])
        phase = .evaluating(job)
        if let claimant = order.claimedBy, claimant != order.peer, let at = self.index(of: claimant) {
            violation(at, "logits that are not finite, and another worker finds them finite", now)
            return
        }
        if job.done == job.source.count { finishEvaluation(job, now) }
    }

    private func isFinite(
        _ logits: [Float], of examples: Range<Int>, _ source: any ExampleSource, classes: Int
    ) -> Bool {
        logits.withUnsafeBufferPointer { all in
            examples.enumerated().allSatisfy { at, example in
                let row = UnsafeBufferPointer(rebasing: all[(at * classes)..<((at + 1) * classes)])
                guard row.allSatisfy(\.isFinite) else { return false }
                guard let label = source.label(example) else { return true }
                return CrossEntropy.loss(row, label: Int(label)).isFinite
            }
        }
    }

    private mutating func finishEvaluation(_ job: EvaluationJob, _ now: Double) {
        guard let preparation else { return }
        let classes = preparation.labels.count
        var confusion = ConfusionMatrix(classes: classes)
        var lossSum = 0.0
        let logits = job.logits.flatMap { $0 ?? [] }
        logits.withUnsafeBufferPointer { all in
            for example in 0..<job.source.count {
                guard let label = job.source.label(example).map({ Int($0) }) else { continue }
                let row = UnsafeBufferPointer(rebasing: all[(example * classes)..<((example + 1) * classes)])
                lossSum += CrossEntropy.loss(row, label: label)
                confusion.add(truth: label, prediction: CrossEntropy.prediction(row))
            }
        }
        guard lossSum.isFinite else {
            end(
                .failure(.failed("the loss of the \(job.kind.rawValue) set is not finite; try a lower --learning-rate"))
            )
            return
        }
        let record = EvaluationRecord(
            kind: job.kind, step: progress.completed, epoch: progress.completed / preparation.plan.stepsPerEpoch,
            metrics: ClassificationMetrics(confusion: confusion, labels: preparation.labels, lossSum: lossSum),
            seconds: now - job.startedAt, modelStep: job.kind == .test ? finale?.best.step : nil)
        perform(.emit(.evaluation(record)))
        remaining?.add(record)
        switch job.kind {
        case .validation: passBarrier(record, now)
        case .test:
            test = record
            continueRun(now)
        }
    }
}
