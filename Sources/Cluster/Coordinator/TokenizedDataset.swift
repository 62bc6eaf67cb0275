import Corpus
import Foundation
import Inference
import Modeling
import Synchronization
import Tokenization

/// Examples that are tokenized when they are first asked for, and then kept: the first step need not wait for the whole
/// file.
final class TokenizedDataset: ExampleSource {
    private let examples: [Example]
    private let task: any Task
    private let outputs: Int
    private let inputs: @Sendable (Example) -> [TextInput]
    private let texts: Mutex<[[Encoding]?]>

    /// - Parameters:
    ///   - task: Says what is to be learnt of an example.
    ///   - outputs: The outputs of its head.
    init(_ dataset: Dataset, _ task: any Task, outputs: Int, tokenizer: any Tokenizer, maxLength: Int) {
        examples = dataset.examples
        (self.task, self.outputs) = (task, outputs)
        inputs = task.inputs(tokenizer, maxLength: maxLength)
        texts = Mutex([[Encoding]?](repeating: nil, count: dataset.examples.count))
    }

    var count: Int { examples.count }

    func encodings(_ index: Int) -> [Encoding] {
        if let known = texts.withLock({ $0[index] }) { return known }
        let encodings = inputs(examples[index]).map(\.encoding)
        texts.withLock { $0[index] = encodings }
        return encodings
    }

    func target(_ index: Int) -> Target {
        guard let first = encodings(index).first else { return .none }
        return task.target(of: examples[index], encoding: first, outputs: outputs)
    }
}
