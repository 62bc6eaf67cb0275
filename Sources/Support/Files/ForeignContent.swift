/// Recognizes what a download often leaves in the place of a model's file: a Git LFS pointer, a web page, an archive.
public enum ForeignContent {
    /// What the first bytes of a file show it to be, and what to do; nil for anything that may be what it should be.
    ///
    /// - Parameter bytes: The beginning of the file; some hundred bytes are enough.
    public static func advice(_ bytes: UnsafeRawBufferPointer) -> String? {
        var head = Array(bytes.prefix(256))
        if head.starts(with: [0xEF, 0xBB, 0xBF]) { head.removeFirst(3) }
        head = Array(head.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D })
        func begins(_ text: String) -> Bool {
            let text = Array(text.utf8)
            return head.count >= text.count && zip(head, text).allSatisfy { lowercase($0) == $1 }
        }
        if begins("version https://git-lfs.github.com/") {
            return "is a Git LFS pointer, not the file itself; in the repository run `git lfs pull`, then copy it again"
        }
        if ["<!doctype html", "<html", "<?xml"].contains(where: begins) {
            return "is a web page, not the file itself; download the file, and not the page that shows it"
        }
        if ["entry not found", "invalid username or password", "repository not found"].contains(where: begins) {
            return "is the error message of a server, not the file itself; check its address, and download it again"
        }
        if head.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
            return "is a zip archive; unpack it, or if torch.save wrote it, name it pytorch_model.bin"
        }
        if head.starts(with: [0x1F, 0x8B, 0x08]) { return "is compressed with gzip; unpack it: gunzip" }
        if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return "is compressed with Zstandard; unpack it: unzstd" }
        if head.starts(with: [0x89, 0x48, 0x44, 0x46]) {
            return "is an HDF5 file, as TensorFlow writes it; convert it with save_pretrained of transformers"
        }
        return nil
    }

    /// See ``advice(_:)-(UnsafeRawBufferPointer)``.
    public static func advice(_ bytes: [UInt8]) -> String? { bytes.withUnsafeBytes { advice($0) } }

    private static func lowercase(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}
