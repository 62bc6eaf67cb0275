import Support

/// Masked language models.
extension ModelConfiguration {
    /// The head of one, as `transformers` builds it for the family. See ``requireMaskedLanguageModel(path:)`` for those
    /// that have none.
    public var maskedLanguageHead: MaskedLanguageModel {
        family.maskedLanguageModel(model) ?? MaskedLanguageModel(encoder)
    }

    /// A model that guesses masked tokens.
    public var maskedLanguageModel: ModelSpecification {
        ModelSpecification(encoder: encoder, head: maskedLanguageHead, objective: VocabularyCrossEntropy())
    }

    /// Makes sure that the model can be a masked language model.
    ///
    /// - Parameter path: The file, for the message.
    /// - Throws: An error that names the entry of config.json.
    public func requireMaskedLanguageModel(path: String = "config.json") throws(FileError) {
        guard family.maskedLanguageModel(model) != nil else {
            throw FileError(path, "model_type is \(quoted(modelType)), whose masked language models are not supported")
        }
        guard entries["decoder_bias"]?.bool != false else {
            throw FileError(
                path, "decoder_bias is false: only masked language models whose decoder has a bias are supported")
        }
        guard entries["tie_word_embeddings"]?.bool != false else {
            throw FileError(
                path,
                "tie_word_embeddings is false: only masked language models whose decoder is the word embedding are "
                    + "supported")
        }
    }

    /// The token of padding, whose row of the word embedding is zero in a new model; nil where there is none.
    var paddingToken: Int? { entries["pad_token_id"]?.integer }
}
