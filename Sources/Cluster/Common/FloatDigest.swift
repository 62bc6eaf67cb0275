import Crypto
import Foundation
import Numerics
import Support

/// The SHA-256 of the bytes of a flat vector, alignment gaps included, in lowercase hexadecimal digits. It compares
/// replicas; `weights_sha256` is taken of the tensors of the file.
func digest(of buffer: FloatBuffer) -> String {
    var hash = SHA256()
    hash.update(bufferPointer: UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.count * 4))
    return Hex.encode(hash.finalize())
}
