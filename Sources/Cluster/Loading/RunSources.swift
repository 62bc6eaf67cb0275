import Corpus
import Inference
import Modeling
import Numerics
import Support

/// The examples of a run that are made before it begins: documents packed into sequences, or sentences cut into
/// windows.
struct RunSources: Sendable {
    var training: any ExampleSource
    var validation: (any ExampleSource)?
    var test: (any ExampleSource)?

    /// Threads that tokenize, at most.
    private static let mostThreads = 8

    /// Makes them; nil for a task whose examples are tokenized one by one.
    ///
    /// - Throws: An error that names the file from which nothing can be made.
    init?(_ data: RunData, _ run: RunConfiguration, _ source: RunModel) throws {
        let preparation = Preparation(
            tokenizer: source.tokenizer, maxLength: source.maxLength, seed: run.seed,
            maskProbability: run.maskProbability, path: source.directory.path,
            team: try ThreadTeam(count: min(Self.mostThreads, AvailableProcessors.count)))
        guard let training = try data.task.prepared(data.training, preparation) else { return nil }
        self.training = training
        validation = try data.validation.flatMap { try data.task.prepared($0, preparation) }
        test = try data.test.flatMap { try data.task.prepared($0, preparation) }
    }

    /// A line about what they are; nil where there is nothing to say.
    func notice(_ data: RunData, maxLength: Int) -> String? {
        let parts = [
            training.notice("", of: data.training, maxLength: maxLength),
            data.validation.flatMap { validation?.notice(" for validation", of: $0, maxLength: maxLength) },
            data.test.flatMap { test?.notice(" for the test", of: $0, maxLength: maxLength) },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}
