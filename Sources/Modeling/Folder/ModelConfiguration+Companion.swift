import Checkpoint
import Support

/// The file that a classifier on embeddings has beside its weights, by its SHA-256: an entry of config.json that
/// `transformers` passes over. Without the file, or with another one, the model would say something else.
extension ModelConfiguration {
    private static let companionKey = "shoal_classifier_sha256"

    /// The SHA-256 of the file, in lowercase hexadecimal; nil where none belongs to the model.
    public var companionSHA256: String? {
        get { entries[Self.companionKey]?.string }
        set { entries[Self.companionKey] = newValue.map { .string($0) } }
    }

    /// Makes sure that the file is there, and is the one that was written with the model.
    ///
    /// - Parameter path: Of the file.
    public func requireCompanion(path: String) throws(FileError) {
        guard let known = companionSHA256 else { return }
        guard try PathKind(path) == .file else {
            throw FileError(path, "is missing, and belongs to this model: copy all files of its folder")
        }
        guard try fileSHA256(path) == known else {
            throw FileError(
                path,
                "is not the file that was written with this model: copy its whole folder again, or write the model again"
            )
        }
    }
}
