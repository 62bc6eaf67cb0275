import FewShot
import Foundation
import Inference
import Modeling
import Numerics
import Support
import Synchronization

/// Collects what teachers say of the texts that a student learns from; the next teacher, and then the student, goes on.
struct TeacherRun: OutputUse {
    /// What is collected of.
    let source: WindowedTexts
    private let teacher: Teacher
    private let number: Int
    private let texts: DistilledTexts
    private let answers: TeacherAnswers
    /// The state with which the next phase begins.
    private let next: @Sendable ([PhasePlan], [ParameterLayout]) throws -> LoadedState

    /// - Parameters:
    ///   - number: From 0; the number of the phase, too.
    ///   - answers: Of all teachers.
    ///   - batch: Examples of a micro-batch.
    ///   - next: The state with which the next phase begins.
    init(
        _ teacher: Teacher, number: Int, _ texts: DistilledTexts, _ answers: TeacherAnswers, batch: Int,
        next: @escaping @Sendable ([PhasePlan], [ParameterLayout]) throws -> LoadedState
    ) throws {
        (self.teacher, self.number, self.texts, self.answers, self.next) = (teacher, number, texts, answers, next)
        source = teacher.source(
            texts.examples, batch: batch, team: try ThreadTeam(count: min(8, AvailableProcessors.count)))
    }

    /// A line about what is collected.
    var notice: String {
        "the teacher \(teacher.model.directory.path.printable()) labels \(plural(texts.count, "text")), in "
            + plural(source.windowCount, "window")
    }

    func solve(
        _ part: EvaluationPart, _ phases: [PhasePlan], _ layouts: [ParameterLayout], _ state: LoadedState
    ) throws -> FewShotSolution {
        let collected = try collected(part, in: number, of: phases, state)
        answers.take(teacher.probabilities(collected.values, source.windows[0], texts.examples), from: number)
        if phases[number + 1].model.head is CollectedLogits == false { try texts.take(answers.logits()) }
        var begun = try next(phases, layouts)
        (begun.step, begun.phase) = (phases[number + 1].steps.lowerBound, number + 1)
        return FewShotSolution(classifier: nil, state: begun, reports: [:], notices: [])
    }
}

/// What teachers have said, by their numbers.
final class TeacherAnswers: Sendable {
    private let answers = Mutex<[Int: ScoreMatrix]>([:])

    /// - Parameter probabilities: A row for each text.
    func take(_ probabilities: ScoreMatrix, from teacher: Int) {
        answers.withLock { $0[teacher] = probabilities }
    }

    /// The logarithm of the mean of their probabilities: (texts, classes).
    func logits() -> [Float] {
        answers.withLock { answers in
            let all = answers.keys.sorted().compactMap { answers[$0] }
            guard let first = all.first else { return [] }
            let sum = all.dropFirst().reduce(first) { $0.adding($1) }
            // A probability may be too small for a number: its logarithm must not be without bounds.
            return sum.values.map { Float(max(log($0 / Double(all.count)), -Self.mostNegative)) }
        }
    }

    private static let mostNegative = 100.0
}
