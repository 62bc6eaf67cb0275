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
    private let tokenizer: any Tokenizer
    private let maxLength: Int
    private let texts: Mutex<[[Encoding]?]>

    /// - Parameters:
    ///   - task: Says what is to be learnt of an example.
    ///   - outputs: The outputs of its head.
    init(_ dataset: Dataset, _ task: any Task, outputs: Int, tokenizer: any Tokenizer, maxLength: Int) {
        examples = dataset.examples
        (self.task, self.outputs) = (task, outputs)
        self.tokenizer = tokenizer
        self.maxLength = maxLength
        texts = Mutex([[Encoding]?](repeating: nil, count: dataset.examples.count))
    }

    var count: Int { examples.count }

    func encodings(_ index: Int) -> [Encoding] {
        if let known = texts.withLock({ $0[index] }) { return known }
        let encodings = task.encodings(of: examples[index], by: tokenizer, maxLength: maxLength)
        texts.withLock { $0[index] = encodings }
        return encodings
    }

    func target(_ index: Int) -> Target {
        guard let first = encodings(index).first else { return .none }
        return task.target(of: examples[index], encoding: first, outputs: outputs)
    }
}
