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
    ) throws(FileError) {
        let order = tensors.sorted {
            $0.dtype == $1.dtype ? precedesInUTF8($0.name, $1.name) : $0.dtype.rank > $1.dtype.rank
        }
        let header = try header(order, metadata: metadata, path: path)
        try DurableFile.replace(path) { writer throws(FileError) in
            let length = UInt64(header.count)
            try writer.write(Data((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }))
            try writer.write(Data(header))
            for tensor in order { try writer.write(tensor.data) }
        }
    }

    /// The JSON, padded with spaces to a multiple of 8 bytes so that the data is aligned.
    static func header(
        _ order: [TensorToWrite], metadata: [String: String], path: String
    ) throws(FileError) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{")
        if !metadata.isEmpty {
            json.raw("\"__metadata__\":{")
            for (i, key) in metadata.keys.sorted(by: precedesInUTF8).enumerated() {
                if i > 0 { json.raw(",") }
                json.string(key)
                json.raw(":")
                json.string(metadata[key] ?? "")
            }
            json.raw("}")
        }
        var offset = 0
        var names: Set<String> = []
        for tensor in order {
            guard let size = tensor.dtype.byteCount(shape: tensor.shape), size == tensor.data.count else {
                throw FileError(
                    path,
                    "cannot be written: tensor \(quoted(tensor.name)) has \(tensor.data.count) bytes, which shape "
                        + "\(tensor.shape) of \(tensor.dtype.rawValue) does not make")
            }
            guard tensor.name != "__metadata__", names.insert(tensor.name).inserted else {
                throw FileError(path, "cannot be written: the name \(quoted(tensor.name)) is taken")
            }
            if json.bytes.count > 1 { json.raw(",") }
            json.string(tensor.name)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            json.raw(":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],".utf8)
            json.raw("\"data_offsets\":[\(offset),\(offset + size)]}".utf8)
            offset += size
        }
        json.raw("}")
        json.raw(String(repeating: " ", count: (8 - json.bytes.count % 8) % 8).utf8)
        guard json.bytes.count <= SafetensorsFile.maximumHeaderBytes else {
            throw FileError(path, "cannot be written: its header would be larger than safetensors allows")
        }
        return json.bytes
    }
}
