import Checkpoint
import Crypto
import Foundation
import Modeling
import Numerics

/// What the embeddings of a run's micro-batches follow from, besides their tokens, to the last bit.
///
/// A bit of an embedding may depend on the micro-batch that it is computed in, since products of other shapes are
/// summed in another order: a key is of a whole micro-batch. It depends, too, on the instructions of the worker's
/// processor, which need not be the coordinator's: a key has what the worker says of itself in its greeting. Where the
/// members of a generation differ in that, nobody knows beforehand who will compute what, and nothing is looked up; a
/// run has no bits of its own then.
struct EmbeddingOrigin: Sendable, Equatable {
    /// The SHA-256 of the weights.
    var weights: String
    /// Encoder and head, with pooling and normalization: `ModelSpecification` as JSON.
    var model: String
    /// In what products are computed.
    var precision: Precision
    /// See ``WorkerDescription/products(in:)``.
    var products: String

    /// The digest of the tokens of a micro-batch.
    static func digest(of batch: PackedBatch) -> [UInt8] {
        var hash = SHA256()
        for numbers in [batch.offsets, batch.tokenIDs, batch.typeIDs] {
            update(&hash, numbers.count)
            numbers.withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        return Array(hash.finalize())
    }

    /// The key of a micro-batch whose tokens have this digest.
    ///
    /// - Parameter program: See ``program``.
    func key(of batch: [UInt8], program: String) -> EmbeddingCache.Key {
        var hash = SHA256()
        for part in ["embeddings", program, weights, model, precision.rawValue, products] {
            Self.update(&hash, part.utf8.count)
            hash.update(data: Array(part.utf8))
        }
        hash.update(data: batch)
        return Array(hash.finalize())
    }

    private static func update(_ hash: inout SHA256, _ count: Int) {
        withUnsafeBytes(of: UInt64(count).littleEndian) { hash.update(bufferPointer: $0) }
    }

    /// What computes: the SHA-256 of this program's file, which any change of Shoal changes, and the version of oneDNN.
    /// Workers have the same program. Nil where the system does not show the file.
    static let program: String? = {
        guard let file = try? fileSHA256("/proc/self/exe") else { return nil }
        return "\(file) oneDNN \(Matmul.libraryVersion)"
    }()
}
