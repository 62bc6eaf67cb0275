import Corpus
import Inference
import Modeling
import Numerics
import Support

/// The documents of a run that pretrains, packed into sequences.
struct RunDocuments: Sendable {
    var training: PackedDocuments
    var validation: PackedDocuments?
    var test: PackedDocuments?

    /// Threads that tokenize, at most.
    private static let mostThreads = 8

    /// Tokenizes them; nil for a task that does not pack documents.
    ///
    /// - Throws: An error that names the file in which there is no text.
    init?(_ data: RunData, _ run: RunConfiguration, _ source: RunModel) throws {
        guard data.task.packsDocuments else { return nil }
        let masker = try TokenMasker(
            source.tokenizer, probability: run.maskProbability, seed: run.seed, path: source.directory.path)
        let team = try ThreadTeam(count: min(Self.mostThreads, AvailableProcessors.count))
        func packed(_ data: Dataset) throws(FileError) -> PackedDocuments {
            let packed = PackedDocuments(
                data.texts, tokenizer: source.tokenizer, length: source.maxLength, masker: masker, team: team)
            guard packed.count > 0 else { throw FileError(data.path, "there is no text in it; give a file of texts") }
            return packed
        }
        training = try packed(data.training)
        validation = try data.validation.map(packed)
        test = try data.test.map(packed)
    }

    /// A line about what they are.
    func notice(_ data: RunData, maxLength: Int) -> String {
        func part(_ name: String, _ documents: Int, _ packed: PackedDocuments) -> String {
            "\(grouped(packed.tokenCount)) tokens of \(plural(documents, "document"))\(name) in "
                + "\(plural(packed.count, "sequence")) of \(maxLength)"
        }
        var parts = [part("", data.training.texts.count, training)]
        if let validation, let documents = data.validation {
            parts.append(part(" for validation", documents.texts.count, validation))
        }
        if let test, let documents = data.test { parts.append(part(" for the test", documents.texts.count, test)) }
        return parts.joined(separator: "; ")
    }
}
