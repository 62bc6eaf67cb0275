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

/// A model of a few numbers, whose tensors lie in one block of floats 0, 1, 2 …
final class TinyModel {
    let tensors: [TensorToWrite]
    private let memory: UnsafeMutableRawBufferPointer

    init() {
        let shapes: [(String, [Int])] = [("head.bias", [3]), ("head.weight", [3, 4]), ("table.weight", [11, 4])]
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

    /// Writes the two files of a model folder.
    func write(to folder: String) throws {
        try DurableFile.write(Data("{\"model_type\": \"tiny\"}\n".utf8), to: "\(folder)/config.json")
        try SafetensorsWriter.write(tensors, to: "\(folder)/model.safetensors")
    }
}
