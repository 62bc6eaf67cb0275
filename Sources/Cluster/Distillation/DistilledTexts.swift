import Checkpoint
import Corpus
import Foundation
import Inference
import Modeling
import Support
import Synchronization
import Tokenization

/// The texts that a student learns from, with and without labels, and the outputs of teachers that it learns. These are
/// there once they were collected; a run that is resumed reads them from its directory.
final class DistilledTexts: ExampleSource {
    /// The file in a run directory.
    static let fileName = "teacher.safetensors"
    private static let tensorName = "logits"

    /// The texts with labels, then those without.
    let examples: [Example]
    private let labels: Int
    private let classes: Int
    private let path: String
    private let tokenizer: any Tokenizer
    private let maxLength: Int
    private let texts: Mutex<[Encoding?]>
    /// (examples, classes).
    private let logits = Mutex<[Float]>([])

    /// - Parameters:
    ///   - labelled: Examples with a class.
    ///   - unlabelled: Examples without.
    ///   - classes: Their number.
    ///   - run: The run directory.
    init(
        _ labelled: [Example], _ unlabelled: [Example], classes: Int, run: String, tokenizer: any Tokenizer,
        maxLength: Int
    ) {
        examples = labelled + unlabelled
        (labels, self.classes, path) = (labelled.count, classes, joinedPath(run, Self.fileName))
        (self.tokenizer, self.maxLength) = (tokenizer, maxLength)
        texts = Mutex([Encoding?](repeating: nil, count: labelled.count + unlabelled.count))
    }

    var count: Int { examples.count }

    func encodings(_ index: Int) -> [Encoding] {
        if let known = texts.withLock({ $0[index] }) { return [known] }
        let encoding = tokenizer.encode(examples[index].text, pair: examples[index].pair, maxLength: maxLength)
        texts.withLock { $0[index] = encoding }
        return [encoding]
    }

    func target(_ index: Int) -> Target {
        logits.withLock { logits in
            guard logits.count == examples.count * classes else { return .none }
            return Distillation.target(
                label: index < labels ? examples[index].classNumber.map { Int($0) } : nil,
                teacher: logits[(index * classes)..<((index + 1) * classes)])
        }
    }

    /// Takes what teachers say of the texts, and keeps it on disk.
    ///
    /// - Parameter values: (examples, classes), finite.
    func take(_ values: [Float]) throws {
        precondition(values.count == examples.count * classes)
        try values.withUnsafeBytes {
            try SafetensorsWriter.write(
                [TensorToWrite(name: Self.tensorName, shape: [examples.count, classes], data: $0)], to: path)
        }
        logits.withLock { $0 = values }
    }

    /// Reads what was taken before the run was interrupted.
    ///
    /// - Throws: An error that names the file that is missing, or that is of other texts.
    func read() throws {
        func refusal(_ why: String) -> RunError {
            .failed("\(path.printable()): \(why); the run cannot go on without it, so start it again elsewhere")
        }
        guard try PathKind(path) == .file else { throw refusal("the teachers' outputs are missing") }
        var values = [Float](repeating: 0, count: examples.count * classes)
        do {
            let file = try SafetensorsFile(path: path)
            try values.withUnsafeMutableBufferPointer { try file.readFloats(Self.tensorName, into: $0) }
        } catch { throw refusal("is not what teachers have put out for these texts (\(error))") }
        guard values.allSatisfy(\.isFinite) else { throw refusal("has numbers that are not finite") }
        logits.withLock { $0 = values }
    }
}
