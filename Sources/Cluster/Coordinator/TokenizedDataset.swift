import Corpus
import Foundation
import Modeling
import Synchronization
import Tokenization

/// Examples that are tokenized when they are first asked for, and then kept: the first step need not wait for the whole
/// file.
final class TokenizedDataset: ExampleSource {
    private let examples: [Example]
    private let tokenizer: any Tokenizer
    private let maxLength: Int
    private let texts: Mutex<[Encoding?]>

    init(_ dataset: Dataset, tokenizer: any Tokenizer, maxLength: Int) {
        examples = dataset.examples
        self.tokenizer = tokenizer
        self.maxLength = maxLength
        texts = Mutex([Encoding?](repeating: nil, count: dataset.examples.count))
    }

    var count: Int { examples.count }

    func encoding(_ index: Int) -> Encoding {
        if let known = texts.withLock({ $0[index] }) { return known }
        let example = examples[index]
        let encoding = tokenizer.encode(example.text, pair: example.pair, maxLength: maxLength)
        texts.withLock { $0[index] = encoding }
        return encoding
    }

    func target(_ index: Int) -> Target { examples[index].label.map { .classIndex($0) } ?? .none }
}
