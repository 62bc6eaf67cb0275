import CKernels
import Modeling
import Numerics

/// The mean of the weights after each of the last steps of a phase: stochastic weight averaging (Izmailov et al.,
/// "Averaging weights leads to wider optima and better generalization", 2018), every step of which counts alike.
///
/// With the weights w(t) after t steps of the phase, of which those after step T are averaged, the state after t > T
/// steps is the mean `m(t) = m(t - 1) + (w(t) - m(t - 1)) / (t - T)`, where `m(T + 1) = w(T + 1)`. It is what a state
/// shows as its weights: what is evaluated, kept and written. Beside it the state has w(t), from which the next step
/// goes on. Up to T steps, the weights are w(t), and nothing is beside them.
///
/// Only one of the two is in the model's own memory, where they are needed: the mean when the state is looked at, w(t)
/// in a step. They change places when that changes, so that steps which follow each other cost no more than the mean.
///
/// It is used by one thread at a time, but for ``Adding``.
final class AveragedWeights {
    /// What is not in the model's memory: of a state that is shown the weights w(t), zeros where there is no mean yet.
    let aside: FloatBuffer
    /// T.
    let after: Int
    /// The weights in the mean: t - T; 0 where there is none yet.
    private(set) var count = 0
    /// Whether the mean is in the model's memory.
    private(set) var isShown = true
    private let weights: ModelWeights

    /// No mean yet.
    ///
    /// - Parameters:
    ///   - weights: The model's, whose front is trained.
    ///   - trained: The floats of that front.
    ///   - after: The steps of the phase after which weights are averaged.
    init(_ weights: ModelWeights, trained: Int, after: Int) {
        self.weights = weights
        self.after = after
        aside = FloatBuffer(count: trained, isSparse: true)
    }

    /// To be called after a state was put into the weights and ``aside``, with so many steps of the phase behind it.
    func restored(steps: UInt64) {
        count = Int(clamping: steps) - min(after, Int(clamping: steps))
        isShown = true
    }

    /// Whether ``show(on:)`` or ``hide(on:)`` would change the model's memory.
    func changes(toShown shown: Bool) -> Bool { count > 0 && isShown != shown }

    /// Puts the mean into the model's memory, for the state to be looked at.
    func show(on team: ThreadTeam) { exchange(toShown: true, on: team) }

    /// Puts the weights of the last step into the model's memory, for the next one.
    func hide(on team: ThreadTeam) { exchange(toShown: false, on: team) }

    private func exchange(toShown shown: Bool, on team: ThreadTeam) {
        guard changes(toShown: shown) else { return }
        let (weights, aside, total, threads) = (weights, aside, aside.count, team.count)
        team.run { thread in
            let range = (thread * total / threads)..<((thread + 1) * total / threads)
            shoal_swap(weights.master.pointer + range.lowerBound, aside.pointer + range.lowerBound, range.count)
            weights.updateRoundedCopy(range)
        }
        isShown = shown
    }

    /// A step was taken on the weights, after which the phase has so many; returns what the threads are to add them
    /// with, nil where they are not averaged yet.
    func stepped(_ steps: UInt64) -> Adding? {
        guard Int(clamping: steps) > after else { return nil }
        count = Int(clamping: steps) - after
        isShown = false
        return Adding(mean: aside, weights: weights.master, count: count)
    }

    /// Adds weights to a mean.
    struct Adding: Sendable {
        let mean: FloatBuffer
        let weights: FloatBuffer
        /// The weights in the mean then, at least 1.
        let count: Int

        /// Adds those in `range`; ranges that do not overlap may be done side by side.
        func add(_ range: Range<Int>) {
            let (mean, weights) = (mean.pointer + range.lowerBound, weights.pointer + range.lowerBound)
            if count == 1 {
                mean.update(from: weights, count: range.count)
            } else {
                shoal_running_mean(mean, weights, Float(1 / Double(count)), range.count)
            }
        }
    }
}
