import Foundation
import Support

/// A `model.safetensors.index.json` or `pytorch_model.bin.index.json`: which file holds which tensor.
struct ShardIndex {
    let fileOfTensor: [String: String]

    /// The files in order of name.
    var files: [String] { Set(fileOfTensor.values).sorted(by: precedesInUTF8) }

    init(path: String) throws(FileError) {
        let file = try MappedFile(path: path)
        guard file.count <= SafetensorsFile.maximumHeaderBytes else {
            throw FileError(path, "is too large for an index")
        }
        let json: JSONValue
        do throws(JSONError) {
            json = try file.withBytes { bytes throws(JSONError) in try JSONValue(parsing: bytes) }
        } catch {
            if let advice = file.withBytes({ ForeignContent.advice($0) }) {
                throw FileError(path, advice)
            }
            throw FileError(path, "not valid JSON: \(error.reason)")
        }
        guard case .object(let object) = json, case .object(let map) = object["weight_map"], !map.isEmpty else {
            throw FileError(path, "has no weight_map")
        }
        var fileOfTensor: [String: String] = [:]
        for member in map.members {
            let (tensor, value) = (member.key, member.value)
            guard case .string(let name) = value, isPlainFileName(name) else {
                throw FileError(
                    path, "tensor \(quoted(tensor)) lies in \(value.summary), which is no plain file name"
                )
            }
            fileOfTensor[tensor] = name
        }
        self.fileOfTensor = fileOfTensor
    }
}
