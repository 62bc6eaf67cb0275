import Foundation
import Support

/// A tensor in memory, to be written. The memory must stay as it is until it is.
public struct TensorToWrite {
    /// Its name.
    public var name: String
    /// Its sizes, slowest dimension first.
    public var shape: [Int]
    /// Its elements, row-major, little-endian; exactly as many bytes as shape and dtype make.
    public var data: UnsafeRawBufferPointer
    /// Its number format.
    public var dtype: TensorType

    /// Describes a tensor; `SafetensorsWriter` checks the sizes.
    public init(name: String, shape: [Int], data: UnsafeRawBufferPointer, dtype: TensorType = .f32) {
        self.name = name
        self.shape = shape
        self.data = data
        self.dtype = dtype
    }
}

/// Writes safetensors files, byte for byte as the safetensors library does: header and tensors in its order, so equal
/// tensors make equal files.
public enum SafetensorsWriter {
    /// Writes a file under a temporary name beside `path`, has it on disk, and renames it: `path` is replaced at once
    /// or, if anything fails, not touched.
    ///
    /// - Parameter metadata: `["format": "pt"]` is what `transformers` asks for.
    /// - Throws: An error that names the path and the system's reason, or the tensor that cannot be written.
    public static func write(
        _ tensors: [TensorToWrite], metadata: [String: String] = ["format": "pt"], to path: String
    ) throws(CheckpointError) {
        let order = tensors.sorted {
            $0.dtype == $1.dtype ? precedesInUTF8($0.name, $1.name) : $0.dtype.rank > $1.dtype.rank
        }
        let header = try header(order, metadata: metadata, path: path)
        try FileWriter.replace(path) { writer throws(CheckpointError) in
            let length = UInt64(header.utf8.count)
            try writer.write(Data((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }))
            try writer.write(Data(header.utf8))
            for tensor in order { try writer.write(tensor.data) }
        }
    }

    /// The JSON, padded with spaces to a multiple of 8 bytes so that the data is aligned.
    static func header(
        _ order: [TensorToWrite], metadata: [String: String], path: String
    ) throws(CheckpointError) -> String {
        var text = "{"
        if !metadata.isEmpty {
            text += "\"__metadata__\":{"
            for (i, key) in metadata.keys.sorted(by: precedesInUTF8).enumerated() {
                if i > 0 { text += "," }
                JSONValue.write(key, to: &text)
                text += ":"
                JSONValue.write(metadata[key] ?? "", to: &text)
            }
            text += "}"
        }
        var offset = 0
        var names: Set<String> = []
        for tensor in order {
            guard let size = tensor.dtype.byteCount(shape: tensor.shape), size == tensor.data.count else {
                throw .malformed(
                    path: path,
                    reason:
                        "cannot be written: tensor \(quoted(tensor.name)) has \(tensor.data.count) bytes, which shape "
                        + "\(tensor.shape) of \(tensor.dtype.rawValue) does not make")
            }
            guard tensor.name != "__metadata__", names.insert(tensor.name).inserted else {
                throw .malformed(path: path, reason: "cannot be written: the name \(quoted(tensor.name)) is taken")
            }
            if text.utf8.count > 1 { text += "," }
            JSONValue.write(tensor.name, to: &text)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            text += ":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
            text += "\"data_offsets\":[\(offset),\(offset + size)]}"
            offset += size
        }
        text += "}"
        text += String(repeating: " ", count: (8 - text.utf8.count % 8) % 8)
        guard text.utf8.count <= SafetensorsFile.maximumHeaderBytes else {
            throw .malformed(
                path: path, reason: "cannot be written: its header would be larger than safetensors allows")
        }
        return text
    }
}
