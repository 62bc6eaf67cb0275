import Crypto
import Foundation
import Support

/// A file of tensors, mapped read-only.
///
/// The whole header is checked when the file is opened, so no later access can go out of bounds. The file must not be
/// cut off in place while this object lives (see `MappedFile`); to replace it by renaming is fine.
public final class SafetensorsFile: TensorFile {
    /// Headers longer than this are refused, as by the reference.
    public static let maximumHeaderBytes = 100_000_000

    /// The file.
    public let path: String
    /// Every tensor by its name.
    public let tensors: [String: TensorDescription]
    /// Free text that the writer left; `format` is "pt" for PyTorch.
    public let metadata: [String: String]

    private let file: MappedFile

    /// Opens one file.
    ///
    /// - Throws: An error that names the file and what is wrong with it: it cannot be read, or its header lies.
    public init(path: String) throws(FileError) {
        let file = try MappedFile(path: path)
        let header = try SafetensorsHeader(file, path: path)
        self.path = path
        tensors = header.tensors
        metadata = header.metadata
        self.file = file
    }

    /// Calls `body` with the bytes of a tensor as they are in the file: of any alignment, little-endian, row-major.
    /// They must not be used after `body` returns.
    ///
    /// - Throws: An error that names file and tensor if it is not there, or what `body` throws.
    public func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        let tensor = try describe(name)
        return try file.withBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[tensor.byteRange]))
        }
    }

    private func describe(_ name: String) throws(FileError) -> TensorDescription {
        guard let tensor = tensors[name] else {
            throw FileError(path, "there is no tensor \(quoted(name))")
        }
        return tensor
    }

    /// See ``TensorFile``.
    public func readFloats(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>
    ) throws(FileError) {
        let tensor = try describe(name)
        guard destination.count == tensor.count else {
            throw FileError(
                path, "tensor \(quoted(name)) has \(tensor.count) elements, expected \(destination.count)"
            )
        }
        let isFloat = file.withBytes {
            FloatConversion.convert(
                UnsafeRawBufferPointer(rebasing: $0[tensor.byteRange]), of: tensor.dtype, into: destination)
        }
        guard isFloat else {
            throw FileError(path, "tensor \(quoted(name)) has type \(tensor.dtype.rawValue), not a float type")
        }
    }

    /// SHA-256 over the bytes of all tensors, in the order of the UTF-8 bytes of their names: lowercase hexadecimal.
    ///
    /// It says whether two files hold the same weights under the same order of names, however their headers differ.
    public func weightsSHA256() -> String {
        var hash = SHA256()
        for tensor in tensors.values.sorted(by: { precedesInUTF8($0.name, $1.name) }) {
            file.withBytes {
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[tensor.byteRange]))
            }
        }
        return Hex.encode(hash.finalize())
    }

    /// See ``TensorFile``.
    public var names: [String] { Array(tensors.keys) }

    /// See ``TensorFile``.
    public func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    /// How many numbers all tensors have together.
    public var elementCount: Int { tensors.values.reduce(0) { $0 + $1.count } }
}
