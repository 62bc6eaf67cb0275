import Corpus
import FewShot
import Foundation
import Support
import Training

/// Compares methods that take steps with a probe, by cross-validation on the labelled texts, where there is time for
/// it.
///
/// Each method is trained and tested on the same folds. A method that takes steps is tried if the probe's learning
/// curve says that it can pay, and if all its folds and the training on all texts are expected to end in time. It is
/// chosen if it recognises more of the held-out texts than the probe by more than the standard error of the difference.
public struct MethodComparison: Sendable {
    private let choice: MethodChoice
    private let budget: Double
    private let workers: WorkerSource
    private let events: @Sendable (RunEvent) -> Void

    /// Folds at most: with more, a comparison takes longer, and little is gained.
    static let mostFolds = 3
    /// The least share of held-out texts that a probe must miss for another method to be worth the time.
    static let leastError = 0.01
    /// How much more a probe may recognise with twice the texts where another method can pay. Where it still learns
    /// faster than that there are too few texts for methods that change the encoder.
    static let mostGain = 0.05
    /// How much longer a forward and a backward pass takes than a forward pass, with the optimizer's step.
    private static let costOfTraining = (step: 3.5, compared: 4.5)

    /// What was seen of the machine.
    private struct Cost {
        /// Seconds of a run without steps.
        var run: Double
        /// Seconds of a forward pass of a text, with all threads.
        var text: Double
    }

    /// - Parameters:
    ///   - choice: The run, whose method is open.
    ///   - workers: Where its workers come from.
    ///   - events: Gets notices and warnings.
    public init(_ choice: MethodChoice, workers: WorkerSource, events: @escaping @Sendable (RunEvent) -> Void) {
        (self.choice, self.workers, self.events) = (choice, workers, events)
        budget = choice.configuration.budget?.seconds ?? 0
    }

    /// The run with the best method.
    ///
    /// - Throws: What ends a run: an error, or an interruption, after which the same command goes on with what is done.
    public func best() async throws -> RunConfiguration {
        var run = choice.configuration
        guard budget > 0, let data = choice.training else { return run }
        run.budget = nil
        // Held, and locked against a second one, as long as methods are compared.
        let directory = try RunDirectory(run.output)
        defer { directory.removeIfUnused() }
        return try await best(run, data)
    }

    private func best(_ base: RunConfiguration, _ data: Dataset) async throws -> RunConfiguration {
        var run = base
        let classes = data.examples.map { Int($0.classNumber ?? 0) }
        guard let most = StratifiedFolds.largestCount(classes) else {
            events(.notice("a class has a single text: methods cannot be compared, and the probe is taken"))
            return run
        }
        let count = min(Self.mostFolds, most)
        let folds = StratifiedFolds.assign(classes, count: count, seed: run.seed, repetition: 0)
        var found: [MethodTrial.Method: [Bool]] = [:]
        var cost = Cost(run: .infinity, text: .infinity)
        // Of all trials, also of those that were made before a kill: the same command decides the same.
        var spent = 0.0
        func isOver(_ what: String) -> Bool {
            // The run itself is a probe, too.
            guard spent > 0, spent + 2 * cost.run > budget else { return false }
            events(
                .notice(
                    "the probe is taken: \(what) would take longer than --budget \(choice.configuration.budget?.text ?? ""), "
                        + "of which \(duration(spent)) are spent"))
            return true
        }
        for fold in 0..<count {
            if isOver("cross-validation") { return run }
            let outcome = try await outcome(.probe, data, folds, fold, of: count)
            found[.probe, default: []] += outcome.isRight
            spent += outcome.seconds
            cost.run = min(cost.run, outcome.seconds)
            cost.text = min(cost.text, outcome.secondsPerText)
        }
        cost.text /= Double(max(1, run.workers * run.localThreads))
        let probe = found[.probe] ?? []
        var half: [Bool] = []
        for fold in 0..<count {
            if isOver("its learning curve") { return run }
            let outcome = try await outcome(.probe, data, folds, fold, of: count, half: true)
            half += outcome.isRight
            spent += outcome.seconds
        }
        let (gain, error) = (Self.share(probe) - Self.share(half), 1 - Self.share(probe))
        guard error > Self.leastError, gain <= Self.mostGain else {
            let why =
                error <= Self.leastError
                ? "it misses \(Self.percent(error)) of them"
                : "with half the texts it recognises \(Self.percent(gain)) fewer: more of them will help more than another "
                    + "method"
            events(.notice("the probe recognises \(Self.percent(1 - error)) of held-out texts, and is taken: \(why)"))
            return run
        }
        for method in rivals(run) {
            let needed = needed(method, run, data, folds: count, cost)
            let left = budget - spent
            let known = (0..<count).allSatisfy { trial(method, data, folds, $0).known() != nil }
            guard known || needed <= left else {
                events(
                    .notice(
                        "\(method.name) is not tried: it is expected to take \(duration(needed)), and of --budget "
                            + "\(duration(max(0, left))) are left"))
                continue
            }
            for fold in 0..<count {
                let outcome = try await outcome(method, data, folds, fold, of: count)
                found[method, default: []] += outcome.isRight
                spent += outcome.seconds
            }
        }
        let (best, lines) = Self.compare(found, folds: count)
        for line in lines { events(.notice(line)) }
        events(.notice("the trials took \(duration(spent)) in all"))
        return best.applied(to: run)
    }

    /// Takes the probe, or the best rival that is better by more than the standard error of the difference; with the
    /// table for people.
    static func compare(
        _ found: [MethodTrial.Method: [Bool]], folds: Int
    ) -> (best: MethodTrial.Method, lines: [String]) {
        let probe = found[.probe] ?? []
        var (best, greatest) = (MethodTrial.Method.probe, 0.0)
        var lines = ["compared by \(folds)-fold cross-validation of the \(probe.count) labelled texts:"]
        let tried = MethodTrial.Method.allCases.filter { found[$0]?.count == probe.count }
        for method in tried where method != .probe {
            let difference = mean(zip(found[method] ?? [], probe).map { ($0 ? 1 : 0) - ($1 ? 1 : 0) })
            if difference.mean > difference.standardError, difference.mean > greatest {
                (best, greatest) = (method, difference.mean)
            }
        }
        let width = tried.map(\.name.count).max() ?? 0
        for method in tried {
            let accuracy = mean((found[method] ?? []).map { $0 ? 1 : 0 })
            lines.append(
                "  " + method.name.padding(toLength: width, withPad: " ", startingAt: 0)
                    + "  \(percent(accuracy.mean)) ± \(percent(accuracy.standardError))"
                    + (method == best ? "  (chosen)" : ""))
        }
        return (best, lines)
    }

    // MARK: trials

    /// What may be better than a probe, with the texts that the options name.
    private func rivals(_ run: RunConfiguration) -> [MethodTrial.Method] {
        let takesTextsAlone = run.labels == nil && run.labelDescriptions == nil && run.unlabeled == nil
        return takesTextsAlone ? [.finetune, .contrastive] : [.contrastive]
    }

    private var folder: String { RunDirectory.normal(choice.configuration.output) + "/" + RunDirectory.trialsFolder }

    private func trial(
        _ method: MethodTrial.Method, _ data: Dataset, _ folds: [Int], _ fold: Int, half: Bool = false
    ) -> MethodTrial {
        var kept = data.examples.indices.filter { folds[$0] != fold }
        if half {
            // Every other text of each class.
            var seen: [Int32: Int] = [:]
            kept = kept.filter {
                seen[data.examples[$0].classNumber ?? 0, default: -1] += 1
                return (seen[data.examples[$0].classNumber ?? 0] ?? 0) % 2 == 0
            }
        }
        return MethodTrial(
            method: method, base: choice.configuration, training: kept.map { data.examples[$0] },
            test: data.examples.indices.filter { folds[$0] == fold }.map { data.examples[$0] }, labels: data.labels,
            folder: "\(folder)/\(method.rawValue)\(half ? "-half" : "")-fold-\(fold + 1)")
    }

    private func outcome(
        _ method: MethodTrial.Method, _ data: Dataset, _ folds: [Int], _ fold: Int, of count: Int, half: Bool = false
    ) async throws -> MethodTrial.Outcome {
        let trial = trial(method, data, folds, fold, half: half)
        let what = "\(method.name)\(half ? " with half the texts" : ""), fold \(fold + 1) of \(count)"
        func shown(_ outcome: MethodTrial.Outcome) -> String {
            "\(what): \(Self.percent(Self.share(outcome.isRight))) in \(duration(outcome.seconds))"
        }
        if let known = trial.known() {
            events(.notice("tried before: \(shown(known))"))
            return known
        }
        do {
            events(.notice("trying \(what)"))
            let outcome = try await trial.run(workers, events: events)
            events(.notice("tried \(shown(outcome))"))
            return outcome
        } catch let error as RunError {
            guard case .interrupted = error else { throw error }
            throw RunError.interruptedComparison(trials: folder)
        }
    }

    // MARK: time

    /// The seconds that a method needs for all folds and for all texts.
    private func needed(
        _ method: MethodTrial.Method, _ run: RunConfiguration, _ data: Dataset, folds: Int, _ seconds: Cost
    ) -> Double {
        let all = data.examples.count
        return ([Int](repeating: all - all / folds, count: folds) + [all]).reduce(0) { sum, examples in
            let (epochs, cost): (Int, Double) =
                if method == .contrastive {
                    (
                        TrainingDefaults(
                            contrasting: examples, loss: .supervised,
                            batchSize: TrainingDefaults.contrastiveBatch(examples, loss: .supervised)
                        ).epochs, Self.costOfTraining.compared
                    )
                } else {
                    (
                        TrainingDefaults(examples: examples, batchSize: run.batchSize).epochs,
                        Self.costOfTraining.step
                    )
                }
            return sum + seconds.run + Double(epochs * examples) * cost * seconds.text
        }
    }

    /// For people: 95 s, 12 min.
    private func duration(_ seconds: Double) -> String {
        seconds < 120 ? "\(Int(seconds.rounded(.up))) s" : "\(Int((seconds / 60).rounded(.up))) min"
    }

    // MARK: figures

    private static func share(_ values: [Bool]) -> Double {
        values.isEmpty ? 0 : Double(values.count { $0 }) / Double(values.count)
    }

    private static func mean(_ values: [Double]) -> (mean: Double, standardError: Double) {
        let count = Double(max(values.count, 1))
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(count - 1, 1)
        return (mean, (variance / count).squareRoot())
    }

    private static func percent(_ value: Double) -> String { String(format: "%.1f%%", 100 * value) }
}
