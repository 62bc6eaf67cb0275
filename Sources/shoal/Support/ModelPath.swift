import Corpus
import Foundation
import Modeling
import Tokenization

/// What `--model` means.
enum ModelPath {
    /// The folder: a path, or the name of a model that `shoal fetch` has brought.
    static func resolve(_ model: String) throws -> String {
        try FetchCache(environment: ProcessInfo.processInfo.environment).modelFolder(model)
    }

    /// The tokenizer of a folder, with a warning if the model itself could not use all of its tokens.
    static func tokenizer(_ model: String) throws -> any Tokenizer {
        let folder = try resolve(model)
        let tokenizer = try TokenizerFolder.load(folder)
        if let rows = ModelFolder.vocabularySize(folder: folder), tokenizer.vocabularySize > rows {
            StandardError.write(
                "warning: \(folder): the tokenizer has \(tokenizer.vocabularySize) tokens, the model only \(rows): "
                    + "it cannot take texts with the others")
        }
        return tokenizer
    }
}
