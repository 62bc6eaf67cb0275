import Foundation
import Support
import Testing

@testable import Tokenization

@Suite("Loading a tokenizer")
struct LoadingTests {
    /// The error that these files give, with the folder's own path cut off.
    private func failure(_ files: [String: String]) throws -> String {
        try failure(files.mapValues { Data($0.utf8) })
    }

    private func failure(_ files: [String: Data]) throws -> String {
        try withFolder(files) { folder in
            do {
                _ = try BertTokenizer(modelDirectory: folder)
                return "no error"
            } catch let error as FileError {
                #expect(!error.description.contains("\n"))
                return error.description.replacingOccurrences(of: folder + "/", with: "")
            }
        }
    }

    @Test
    func `ids and names of the special tokens`() throws {
        let tokenizer = try tokenizer("uncased")
        #expect(tokenizer.padID == 0 && tokenizer.unknownID == 1 && tokenizer.clsID == 2)
        #expect(tokenizer.sepID == 3 && tokenizer.maskID == 4)
        #expect(tokenizer.token(2) == "[CLS]" && tokenizer.token(5) == "[unused1]")
        #expect(tokenizer.token(-1) == nil && tokenizer.token(Int32(tokenizer.vocabularySize)) == nil)
    }

    @Test
    func `names of special tokens may come from either file, as strings or objects`() throws {
        let files = [
            "vocab.txt": "<unk>\n<s>\n</s>\na\n",
            "special_tokens_map.json": #"{"unk_token": {"content": "<unk>"}, "cls_token": "<s>"}"#,
            "tokenizer_config.json": #"{"sep_token": "</s>", "pad_token": null}"#,
        ]
        let tokenizer = try withFolder(files) { try BertTokenizer(modelDirectory: $0) }
        #expect(tokenizer.encode("a b</s>", maxLength: 9).inputIDs == [1, 3, 0, 2, 2])
        #expect(tokenizer.padID == nil && tokenizer.maskID == nil)
    }

    @Test
    func `tokenizer.json is the authority where both files are`() throws {
        let tokenizer = try withFolder(["vocab.txt": "nothing\n", "tokenizer.json": tokenizerJSON()]) {
            try BertTokenizer(modelDirectory: $0)
        }
        #expect(tokenizer.encode("a", maxLength: 9).inputIDs == [2, 5, 3])
    }

    // What `transformers` 5.23.0 makes of such folders.
    @Test(arguments: [
        (#"{}"#, [5, 7]),
        (#"{"do_lower_case": false}"#, [6, 8]),
        (#"{"do_lower_case": false, "tokenizer_class": "BertTokenizerFast"}"#, [6, 8]),
        (#"{"do_lower_case": false, "tokenizer_class": "PreTrainedTokenizerFast"}"#, [5, 7]),
        (#"{"do_lower_case": null}"#, [5, 7]),
        (#"{"strip_accents": false}"#, [5, 8]),
        (#"{"strip_accents": null}"#, [5, 7]),
        (#"{"do_lower_case": false, "strip_accents": true}"#, [6, 7]),
    ])
    func `settings of tokenizer_config.json win over tokenizer.json, except with the general tokenizer class`(
        configuration: String, expected: [Int32]
    ) throws {
        let json = tokenizerJSON(
            vocab: #"{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"a":5,"A":6,"e":7,"é":8}"#)
        let files = ["tokenizer.json": json, "tokenizer_config.json": configuration]
        let tokenizer = try withFolder(files) { try BertTokenizer(modelDirectory: $0) }
        #expect(tokenizer.encode("A é", maxLength: 9).inputIDs == [2] + expected + [3])
    }

    @Test
    func `a template of one's own is followed`() throws {
        let json = tokenizerJSON(
            processor: #"""
                {"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":1}},
                {"SpecialToken":{"id":"[SEP]","type_id":1}}],"pair":[{"Sequence":{"id":"B","type_id":0}},
                {"Sequence":{"id":"A","type_id":1}}],"special_tokens":{"[SEP]":{"id":"[SEP]","ids":[3]}}}
                """#)
        let files = ["tokenizer.json": json, "tokenizer_config.json": #"{"tokenizer_class": "TokenizersBackend"}"#]
        let tokenizer = try withFolder(files) { try BertTokenizer(modelDirectory: $0) }
        #expect(tokenizer.encode("a", maxLength: 9) == Encoding(inputIDs: [5, 3], typeIDs: [1, 1]))
        #expect(tokenizer.encode("a a", pair: "b", maxLength: 2) == Encoding(inputIDs: [1, 5], typeIDs: [0, 1]))
    }

    @Test
    func `lines of vocab.txt may end in CR LF, the last one in nothing`() throws {
        let text = "[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n##b"
        let tokenizer = try withFolder(["vocab.txt": text]) { try BertTokenizer(modelDirectory: $0) }
        #expect(tokenizer.encode("ab", maxLength: 9).inputIDs == [1, 3, 4, 2])
    }

    @Test
    func `a vocabulary of thousands of words is found again, word for word`() throws {
        let words = (0..<5000).map { "w" + String($0, radix: 7) }
        let text = vocabulary() + words.joined(separator: "\n")
        let tokenizer = try withFolder(["vocab.txt": text]) { try BertTokenizer(modelDirectory: $0) }
        let found = tokenizer.encode(words.joined(separator: " "), maxLength: 10_000).inputIDs
        #expect(found == [2] + (5..<5005).map { Int32($0) } + [3])
    }

    @Test
    func `nothing to load`() throws {
        #expect(try failure([String: String]()).contains("has neither tokenizer.json nor vocab.txt"))
        #expect(throws: FileError.self) { try BertTokenizer(modelDirectory: "/nonexistent/model") }
    }

    @Test(arguments: [
        ("", "vocab.txt: holds no tokens"),
        ("\n\n", "vocab.txt: holds no tokens"),
        ("[CLS]\n[SEP]\na\n", "vocab.txt: has no token [UNK]"),
        ("[UNK]\n[SEP]\n", "vocab.txt: has no token [CLS]"),
        ("[UNK]\n[CLS]\n", "vocab.txt: has no token [SEP]"),
    ])
    func `a vocab.txt without what is needed is refused by name and line`(text: String, expected: String) throws {
        let found = try failure(["vocab.txt": text])
        #expect(found.hasPrefix(expected), "\(found)")
    }

    @Test
    func `a vocab.txt that is not UTF-8 is refused by line`() throws {
        let found = try failure(["vocab.txt": Data("[UNK]\nca".utf8 + [0xE9, 0x0A])])
        #expect(found == "vocab.txt, line 2: is not UTF-8")
        #expect(try failure(["tokenizer.json": Data([0x22, 0xFF, 0x22])]).hasPrefix("tokenizer.json: is not UTF-8"))
    }

    @Test(arguments: [
        ("", "tokenizer.json, line 1: not valid JSON: it ends too early"),
        ("{\"model\":\n{\"vocab\": {\"a\" 1}}}", "tokenizer.json, line 2: not valid JSON: expected ':'"),
        ("[]", "tokenizer.json: has no \"model\" object"),
        (
            #"{"model":{"type":"BPE","vocab":{},"merges":[]}}"#,
            "tokenizer.json: holds a BPE tokenizer; only WordPiece"
        ),
        (tokenizerJSON(vocab: "{}"), "tokenizer.json: the vocabulary is empty"),
        (tokenizerJSON(vocab: "[1]"), "tokenizer.json: model.vocab must be an object"),
        (
            tokenizerJSON(vocab: "{\"[UNK]\":0,\n\"a\":0}"),
            "tokenizer.json, line 2: token \"a\" with id 0: another token"
        ),
        (
            tokenizerJSON(vocab: #"{"a":0,"a":1}"#),
            "tokenizer.json, line 1: token \"a\" with id 1: this token has id 0"
        ),
        (tokenizerJSON(vocab: #"{"a":-1}"#), "tokenizer.json, line 1: token \"a\" with id -1: ids must be from 0"),
        (
            tokenizerJSON(vocab: #"{"a":9999999999}"#),
            "tokenizer.json, line 1: token \"a\" with id 9999999999: ids must be"
        ),
        (tokenizerJSON(vocab: #"{"a":1.5}"#), "tokenizer.json, line 1: the id of token \"a\" is no integer"),
        (tokenizerJSON(vocab: #"{"[CLS]":0,"[SEP]":1}"#), "tokenizer.json: has no token [UNK]"),
        (tokenizerJSON(vocab: #"{"[UNK]":0,"[SEP]":1}"#), "tokenizer.json: has no token [CLS]"),
        (tokenizerJSON(vocab: #"{"[UNK]":0,"[CLS]":1}"#), "tokenizer.json: has no token [SEP]"),
        (tokenizerJSON(normalizer: #"{"type":"NFC"}"#), "tokenizer.json: has the normalizer NFC"),
        (
            tokenizerJSON(normalizer: #"{"type":"BertNormalizer","lowercase":1}"#),
            "tokenizer.json: normalizer.lowercase"
        ),
        (tokenizerJSON(preTokenizer: #"{"type":"ByteLevel"}"#), "tokenizer.json: has the pre-tokenizer ByteLevel"),
        (tokenizerJSON(preTokenizer: "null"), "tokenizer.json: has the pre-tokenizer (none)"),
        (tokenizerJSON(added: #"[{"id":9}]"#), "tokenizer.json: the entry of added_tokens with id 9"),
        (tokenizerJSON(added: #"[{"id":4,"content":"a"}]"#), "tokenizer.json: added_tokens gives \"a\" the id 4"),
        (tokenizerJSON(added: #"[{"id":4,"content":"b"}]"#), "tokenizer.json: added_tokens: token \"b\" with id 4"),
        (
            tokenizerJSON(processor: #"{"type":"RobertaProcessing"}"#),
            "tokenizer.json: has the post-processor Roberta"
        ),
        (
            tokenizerJSON(processor: #"{"type":"BertProcessing","cls":["x",77]}"#),
            "tokenizer.json: post_processor uses"
        ),
        (
            tokenizerJSON(processor: #"{"type":"TemplateProcessing","single":[7]}"#),
            "tokenizer.json: post_processor.si"
        ),
        (
            tokenizerJSON(processor: #"{"type":"TemplateProcessing"}"#),
            "tokenizer.json: post_processor has no template"
        ),
        (
            tokenizerJSON(model: #","max_input_chars_per_word":0"#),
            "tokenizer.json: max_input_chars_per_word must be"
        ),
    ])
    func `a tokenizer.json that is no BERT tokenizer is refused by name`(text: String, expected: String) throws {
        let found = try failure(["tokenizer.json": text])
        #expect(found.hasPrefix(expected), "\(found)")
    }

    @Test(arguments: [
        ("{", "tokenizer_config.json, line 1: not valid JSON"),
        ("3", "tokenizer_config.json: holds no JSON object"),
        (#"{"do_lower_case": "yes"}"#, "tokenizer_config.json: do_lower_case must be true, false or null"),
        (#"{"unk_token": 3}"#, "tokenizer_config.json: unk_token must be a string"),
        (#"{"added_tokens_decoder": {"x": {}}}"#, "tokenizer_config.json, line 1: added_tokens_decoder has a key"),
        (
            #"{"added_tokens_decoder": {"3": {"content": "q"}}}"#,
            "tokenizer_config.json: added_tokens_decoder: token"
        ),
    ])
    func `a broken configuration is refused by name`(text: String, expected: String) throws {
        let found = try failure(["vocab.txt": vocabulary("a"), "tokenizer_config.json": text])
        #expect(found.hasPrefix(expected), "\(found)")
    }

    @Test
    func `a folder where a file should be`() throws {
        try withFolder([String: String]()) { folder in
            let path = folder + "/vocab.txt"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(throws: FileError(path, "is a folder; give a file")) {
                try BertTokenizer(modelDirectory: folder)
            }
        }
    }
}
