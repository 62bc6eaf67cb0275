/// Which class of `transformers` a folder's tokenizer is: it decides which files and settings count.
enum TokenizerClass: Equatable {
    /// `BertTokenizer` and its other names: everything but the vocabulary and added tokens is BERT's own, and settings
    /// come from `tokenizer_config.json`.
    case bert
    /// The general class (`PreTrainedTokenizerFast`, `TokenizersBackend`): everything is as `tokenizer.json` has it.
    case general

    /// Classes that are `BertTokenizer` under other names, without the "Fast" at the end.
    private static let bertNames: Set<String> = [
        "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "LayoutLMTokenizer",
        "LxmertTokenizer",
    ]
    private static let generalNames: Set<String> = ["PreTrainedTokenizer", "TokenizersBackend"]

    /// The class of that name; nil if its texts are not cut as BERT's.
    init?(name: String) {
        let base = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
        if Self.bertNames.contains(base) {
            self = .bert
        } else if Self.generalNames.contains(base) {
            self = .general
        } else {
            return nil
        }
    }
}
