import Support

/// One tensor of a safetensors file.
public struct TensorDescription: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Its number format.
    public let dtype: TensorType
    /// Its sizes, slowest dimension first; empty for a single number.
    public let shape: [Int]
    /// Where its bytes are, from the start of the file.
    public let byteRange: Range<Int>

    /// The number of elements.
    public var count: Int { byteRange.count / dtype.size }
}

/// The header of a safetensors file: 8 bytes of little-endian length, then JSON of that length, then the data.
///
/// The format is that of huggingface.co/docs/safetensors. Everything is checked that its own library checks: the data
/// is covered without overlaps or holes, and sizes agree with types and shapes.
struct SafetensorsHeader {
    var tensors: [String: TensorDescription] = [:]
    var metadata: [String: String] = [:]

    init(_ file: MappedFile, path: String) throws(FileError) {
        self = try file.withBytes { bytes throws(FileError) in try SafetensorsHeader(bytes, path: path) }
    }

    /// - Parameter path: For error messages.
    init(_ file: UnsafeRawBufferPointer, path: String) throws(FileError) {
        func invalid(_ reason: String) -> FileError {
            FileError(path, "not a valid safetensors file: \(reason)")
        }
        // Looked for only where the length makes no sense: a good file may begin with any bytes.
        func foreign(_ reason: String) -> FileError {
            ForeignContent.advice(file).map { FileError(path, $0) } ?? invalid(reason)
        }
        guard file.count >= 8 else { throw foreign("it has \(file.count) bytes, fewer than the 8 of a header length") }
        let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(SafetensorsFile.maximumHeaderBytes) else {
            throw foreign("a header of \(length) bytes, the limit is \(SafetensorsFile.maximumHeaderBytes)")
        }
        let dataStart = 8 + Int(length)
        guard dataStart <= file.count else {
            throw foreign("a header of \(length) bytes in a file of \(file.count): is the download complete?")
        }
        guard length > 0, file[8] == UInt8(ascii: "{") else { throw invalid("the header does not start with '{'") }
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: file[8..<dataStart]))
        do throws(JSONError) {
            try read(&scanner)
            try scanner.expectEnd()
        } catch {
            throw invalid("header: \(error.reason)")
        }

        // Data must be covered from its first byte to the last of the file, each byte once.
        var end = 0
        let inOrder = tensors.values.sorted {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
        }
        for tensor in inOrder {
            guard tensor.byteRange.lowerBound == end else {
                let what = tensor.byteRange.lowerBound < end ? "overlaps another" : "leaves a hole before it"
                throw invalid("tensor \(quoted(tensor.name)) \(what)")
            }
            end = tensor.byteRange.upperBound
        }
        let available = file.count - dataStart
        guard end == available else {
            throw invalid(
                end > available
                    ? "tensors need \(end) bytes of data, there are \(available): is the download complete?"
                    : "\(available - end) bytes after the last tensor")
        }
        tensors = tensors.mapValues {
            TensorDescription(
                name: $0.name, dtype: $0.dtype, shape: $0.shape,
                byteRange: $0.byteRange.lowerBound + dataStart..<$0.byteRange.upperBound + dataStart)
        }
    }

    /// Reads all members; byte ranges count from the start of the data.
    private mutating func read(_ scanner: inout JSONScanner) throws(JSONError) {
        var tensors: [String: TensorDescription] = [:]
        var metadata: [String: String]?
        try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
            if key == "__metadata__" {
                guard metadata == nil else { throw scanner.failure("\"__metadata__\" comes twice") }
                metadata = try Self.readMetadata(&scanner)
            } else {
                let tensor = try Self.readTensor(&scanner, name: key)
                guard tensors.updateValue(tensor, forKey: key) == nil else {
                    throw scanner.failure("tensor \(quoted(key)) comes twice")
                }
            }
        }
        self.tensors = tensors
        self.metadata = metadata ?? [:]
    }

    private static func readMetadata(_ scanner: inout JSONScanner) throws(JSONError) -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
            let value = try scanner.string()
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw scanner.failure("the key \(quoted(key)) comes twice")
            }
        }
        return metadata
    }

    private static func readTensor(_ scanner: inout JSONScanner, name: String) throws(JSONError) -> TensorDescription {
        var type: TensorType?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
            switch key {
            case "dtype" where type == nil:
                let text = try scanner.string()
                guard let known = TensorType(rawValue: text) else {
                    throw scanner.failure("tensor \(quoted(name)) has the unknown dtype \(quoted(text))")
                }
                type = known
            case "shape" where shape == nil: shape = try readNaturals(&scanner)
            case "data_offsets" where offsets == nil: offsets = try readNaturals(&scanner)
            case "dtype", "shape", "data_offsets": throw scanner.failure("the key \(quoted(key)) comes twice")
            default: throw scanner.failure("tensor \(quoted(name)) has the unknown key \(quoted(key))")
            }
        }
        guard let type, let shape, let offsets else {
            throw scanner.failure("tensor \(quoted(name)) lacks dtype, shape or data_offsets")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw scanner.failure("tensor \(quoted(name)) has impossible data_offsets")
        }
        guard let needed = type.byteCount(shape: shape) else {
            throw scanner.failure("the shape of tensor \(quoted(name)) is too large")
        }
        guard needed == offsets[1] - offsets[0] else {
            throw scanner.failure(
                "tensor \(quoted(name)) has \(offsets[1] - offsets[0]) bytes, its dtype and shape make \(needed)")
        }
        return TensorDescription(name: name, dtype: type, shape: shape, byteRange: offsets[0]..<offsets[1])
    }

    private static func readNaturals(_ scanner: inout JSONScanner) throws(JSONError) -> [Int] {
        var values: [Int] = []
        try scanner.array { (scanner: inout JSONScanner) throws(JSONError) in
            guard values.count < 64 else { throw scanner.failure("more than 64 dimensions") }
            values.append(try scanner.natural())
        }
        return values
    }
}
