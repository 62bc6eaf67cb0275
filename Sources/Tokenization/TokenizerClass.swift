/// Which class of `transformers` a folder's tokenizer is: it decides which files and settings count.
enum TokenizerClass: Equatable {
    /// `BertTokenizer` and its other names: everything but the vocabulary and added tokens is BERT's own, and settings
    /// come from `tokenizer_config.json`.
    case bert
    /// The general class (`PreTrainedTokenizerFast`, `TokenizersBackend`): everything is as `tokenizer.json` has it.
    case general
    /// BERT's words between RoBERTa's special tokens.
    case mpnet
    /// GPT-2's byte pairs.
    case roberta
    /// SentencePiece's pieces, numbered as fairseq did.
    case xlmRoberta
    case camembert

    /// Names of classes, without the "Fast" at the end.
    private static let known: [String: TokenizerClass] = [
        "BertTokenizer": .bert, "DistilBertTokenizer": .bert, "ElectraTokenizer": .bert, "MobileBertTokenizer": .bert,
        "LayoutLMTokenizer": .bert, "LxmertTokenizer": .bert, "PreTrainedTokenizer": .general,
        "TokenizersBackend": .general, "MPNetTokenizer": .mpnet, "RobertaTokenizer": .roberta,
        "XLMRobertaTokenizer": .xlmRoberta, "CamembertTokenizer": .camembert,
    ]

    /// The class that `transformers` takes for a `model_type` where no file names a class.
    private static let ofModels: [String: TokenizerClass] = [
        "bert": .bert, "distilbert": .bert, "electra": .bert, "mobilebert": .bert, "mpnet": .mpnet,
        "roberta": .roberta, "roberta-prelayernorm": .roberta, "longformer": .roberta, "xlm-roberta": .xlmRoberta,
        "xmod": .xlmRoberta, "camembert": .camembert,
    ]

    /// Models for which `transformers` takes the general class whatever the files name.
    private static let generalModels: Set<String> = ["modernbert", "modernbert-decoder", "xlm-roberta-xl"]

    /// The class of that name; nil if it is not one of these.
    init?(name: String) {
        let base = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
        guard let found = Self.known[base] else { return nil }
        self = found
    }

    /// The class for a `model_type`; nil if none is known.
    init?(modelType: String) {
        guard let found = Self.isGeneral(modelType) ? .general : Self.ofModels[modelType] else { return nil }
        self = found
    }

    /// Whether a `model_type` has the general class whatever the files name.
    static func isGeneral(_ modelType: String) -> Bool { generalModels.contains(modelType) }

    /// What the class calls its special tokens, in the order in which `transformers` adds them.
    var roles: [(role: String, name: String?)] {
        let roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
        let names: [String?] =
            switch self {
            case .general: Array(repeating: nil, count: 7)
            case .bert: [nil, nil, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
            case .mpnet: ["<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"]
            case .roberta, .xlmRoberta, .camembert: ["<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"]
            }
        return Array(zip(roles, names))
    }

    /// Whether the masking token takes the white space before it along, where no file says.
    var maskStripsLeft: Bool { self == .mpnet || self == .camembert }

    /// The class's own name, for messages.
    var name: String {
        switch self {
        case .bert: "BertTokenizer"
        case .general: "PreTrainedTokenizerFast"
        case .mpnet: "MPNetTokenizer"
        case .roberta: "RobertaTokenizer"
        case .xlmRoberta: "XLMRobertaTokenizer"
        case .camembert: "CamembertTokenizer"
        }
    }
}
