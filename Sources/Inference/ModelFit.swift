import Corpus
import Modeling
import Support
import Tokenization

/// Whether a model, its tokenizer and the texts go together: looked at before anything is computed.
public enum ModelFit {
    /// Makes sure that the model has a row for every token of its tokenizer.
    ///
    /// - Throws: An error that names the folder and both numbers.
    public static func check(_ tokenizer: any Tokenizer, _ directory: ModelFolder) throws(FileError) {
        let rows = directory.configuration.encoder.vocabulary
        guard tokenizer.vocabularySize <= rows else {
            throw FileError(
                directory.path,
                "the tokenizer has \(tokenizer.vocabularySize) tokens, the model only "
                    + "\(rows) (vocab_size): tokens were added without resize_token_embeddings, or the files are of "
                    + "two models")
        }
        try check(tokenizer, directory.configuration.encoder, path: directory.path, hasPairs: false)
    }

    /// Makes sure that the model has the segments that single texts, or pairs of them, need.
    public static func check(
        _ tokenizer: any Tokenizer, _ encoder: EncoderArchitecture, path: String, hasPairs: Bool
    ) throws(FileError) {
        let needed = tokenizer.highestSegmentID(pairs: hasPairs) + 1
        // A model without segments reads no segment ids.
        guard encoder.segments > 0, needed > encoder.segments else { return }
        throw FileError(
            path,
            "\(hasPairs ? "pairs of texts need" : "its tokenizer needs") \(needed) segments, "
                + "the model has \(encoder.segments) (type_vocab_size): "
                + (hasPairs ? "give single texts, or choose another model" : "choose another model"))
    }

    /// Makes sure that the model can take all texts of these data sets.
    public static func check(
        _ tokenizer: any Tokenizer, _ encoder: EncoderArchitecture, path: String, data: [Dataset], task: any Task
    ) throws(FileError) {
        let hasPairs = !task.encodesApart && data.contains { $0.examples.contains { $0.pair != nil } }
        try check(tokenizer, encoder, path: path, hasPairs: hasPairs)
        guard !tokenizer.addsSpecialTokens else { return }
        let make = task.inputs(tokenizer, maxLength: 8)
        // Without special tokens a text may have no tokens at all.
        for dataset in data {
            for example in dataset.examples
            where make(example).contains(where: { $0.encoding.inputIDs.isEmpty }) {
                throw noTokens(path: path, text: example.text)
            }
        }
    }

    /// The error about a text of which nothing is left.
    public static func noTokens(path: String, text: String) -> FileError {
        FileError(
            path,
            "its tokenizer adds no special tokens, and the text "
                + "\"\(text.printable(limit: 60))\" has none of its own: remove such texts")
    }
}
