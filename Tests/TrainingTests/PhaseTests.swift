import Foundation
import Modeling
import Testing

@testable import Training

/// A phase as JSON.
@Suite struct PhaseTests {
    @Test func `a phase is the same after its way through JSON`() throws {
        let phase = Phase(
            name: "first", head: SequenceClassification(labels: 4, dropout: 0.25),
            objective: CrossEntropy(labelSmoothing: 0.125), hyperparameters: Hyperparameters(optimizer: .sgd()),
            schedule: ScheduleSettings(kind: .cosine, learningRate: 0.5, warmup: .steps(3)), length: .epochs(2),
            batchSize: 16, microBatches: 4, maxLength: 64)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = try encoder.encode(phase)
        let read = try JSONDecoder().decode(Phase.self, from: text)
        #expect(try encoder.encode(read) == text)
        #expect((read.head as? SequenceClassification)?.labels == 4)
        #expect((read.objective as? CrossEntropy)?.labelSmoothing == 0.125)
        #expect(read.length == .epochs(2) && read.schedule == phase.schedule)
        let other = String(decoding: text, as: UTF8.self).replacing("cross-entropy", with: "guessing")
        #expect(throws: ModelError.self) { try JSONDecoder().decode(Phase.self, from: Data(other.utf8)) }
    }
}
