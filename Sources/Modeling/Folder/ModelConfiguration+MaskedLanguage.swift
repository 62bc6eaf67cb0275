import Support

/// Masked language models.
extension ModelConfiguration {
    /// A model that guesses masked tokens.
    ///
    /// - Throws: An error that names the file at `path`, where the model cannot be one here.
    public func maskedLanguageModel(path: String = "config.json") throws(FileError) -> ModelSpecification {
        guard family.hasMaskedLanguageModel else {
            throw FileError(path, "model_type is \(quoted(modelType)), whose masked language models are not supported")
        }
        guard entries["tie_word_embeddings"]?.bool != false else {
            throw FileError(
                path,
                "tie_word_embeddings is false: only masked language models whose decoder is the word embedding are "
                    + "supported")
        }
        return ModelSpecification(
            encoder: encoder, head: MaskedLanguageModel(vocabulary: encoder.vocabulary, epsilon: encoder.epsilon),
            objective: VocabularyCrossEntropy())
    }
}
