import Crypto
import Foundation
import Support

/// The SHA-256 of the tensor bytes of a safetensors file in the order of the names' Unicode code points, in lowercase
/// hexadecimal digits. It depends on nothing but the tensors: not on the header, nor on the order in the file.
public func weightsSHA256(safetensors path: String) throws -> String {
    try SafetensorsFile(path: path).weightsSHA256()
}

/// The SHA-256 of a file's bytes, in lowercase hexadecimal digits.
public func fileSHA256(_ path: String) throws(FileError) -> String {
    try MappedFile(path: path).withBytes { fileSHA256($0) }
}

/// The SHA-256 of several pieces of memory, one after the other, in lowercase hexadecimal digits.
public func sha256(of pieces: [UnsafeRawBufferPointer]) -> String {
    var hash = SHA256()
    for piece in pieces { hash.update(bufferPointer: piece) }
    return Hex.encode(hash.finalize())
}

/// The SHA-256 of bytes, in lowercase hexadecimal digits.
func fileSHA256(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return Hex.encode(hash.finalize())
}
