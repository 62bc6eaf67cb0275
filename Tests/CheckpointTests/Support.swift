import Foundation
import Support
import Testing

@testable import Checkpoint

/// A safetensors file from parts: length (that of the header unless given), header, data.
func safetensors(_ header: [UInt8], data: Int, length: UInt64? = nil) -> [UInt8] {
    let length = length ?? UInt64(header.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header
        + (0..<data).map { UInt8(truncatingIfNeeded: $0) }
}

func safetensors(_ header: String, data: Int, length: UInt64? = nil) -> [UInt8] {
    safetensors(Array(header.utf8), data: data, length: length)
}

/// The description of the error that `body` must throw.
func failure(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("no error", sourceLocation: location)
        return ""
    } catch let error as FileError {
        return error.description
    } catch {
        Issue.record("\(error) is no FileError", sourceLocation: location)
        return ""
    }
}

/// A model of a few hundred numbers, whose tensors lie in one block of floats 0, 1, 2 …
final class TinyModel {
    let configuration: BertConfiguration
    let tensors: [TensorToWrite]
    private let memory: UnsafeMutableRawBufferPointer

    init() throws {
        var configuration = BertConfiguration()
        configuration.vocabSize = 11
        configuration.hiddenSize = 4
        configuration.layers = 1
        configuration.heads = 2
        configuration.intermediateSize = 6
        configuration.maxPositions = 5
        configuration.labels = ["earn", "trade \"x\"", "é\n"]
        self.configuration = configuration
        let layer = "bert.encoder.layer.0"
        var shapes: [(String, [Int])] = [
            ("classifier.bias", [3]), ("classifier.weight", [3, 4]), ("bert.pooler.dense.weight", [4, 4]),
            ("bert.pooler.dense.bias", [4]), ("bert.embeddings.word_embeddings.weight", [11, 4]),
            ("bert.embeddings.position_embeddings.weight", [5, 4]),
            ("bert.embeddings.token_type_embeddings.weight", [2, 4]),
            ("\(layer).intermediate.dense.weight", [6, 4]), ("\(layer).intermediate.dense.bias", [6]),
            ("\(layer).output.dense.weight", [4, 6]), ("\(layer).output.dense.bias", [4]),
        ]
        for norm in ["bert.embeddings", "\(layer).attention.output", "\(layer).output"] {
            shapes += [("\(norm).LayerNorm.weight", [4]), ("\(norm).LayerNorm.bias", [4])]
        }
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            shapes += [("\(layer).attention.\(part).weight", [4, 4]), ("\(layer).attention.\(part).bias", [4])]
        }
        let count = shapes.reduce(0) { $0 + $1.1.reduce(1, *) }
        memory = .allocate(byteCount: 4 * count, alignment: 64)
        for i in 0..<count { memory.storeBytes(of: Float(i), toByteOffset: 4 * i, as: Float.self) }
        var offset = 0
        var tensors: [TensorToWrite] = []
        for (name, shape) in shapes {
            let bytes = 4 * shape.reduce(1, *)
            tensors.append(
                TensorToWrite(
                    name: name, shape: shape, data: UnsafeRawBufferPointer(rebasing: memory[offset..<offset + bytes])))
            offset += bytes
        }
        self.tensors = tensors
    }

    deinit { memory.deallocate() }
}
