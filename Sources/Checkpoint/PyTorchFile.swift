import Support

/// Tensors that `torch.save` has written: a state dict, mapped read-only. Nothing in the file is run.
///
/// Both formats are read: the zip archive of PyTorch 1.6 and later, and the sequence of pickles before it, as
/// `torch.serialization` has them. Everything is checked when the file is opened, checksums included, so no later
/// access can go out of bounds. The file must not be cut off in place while this object lives (see ``MappedFile``).
public final class PyTorchFile: TensorFile {
    /// See ``TensorFile``.
    public let path: String
    /// See ``TensorFile``.
    public let elementCount: Int
    private let file: MappedFile
    private let tensors: [String: PickledTensor]
    /// Where the elements of each storage are in the file.
    private let storages: [String: Range<Int>]

    /// What a file of either format says.
    fileprivate struct Contents {
        var tensors: [String: PickledTensor]
        var storages: [String: Range<Int>]
    }

    /// Opens a file.
    ///
    /// - Throws: An error that names the file and what is wrong with it, or what of it is refused.
    public init(path: String) throws(FileError) {
        let file = try MappedFile(path: path)
        let contents = try file.withBytes { bytes throws(FileError) in
            if bytes.starts(with: ZipArchive.signature) { return try Contents(archive: bytes, path) }
            if bytes.starts(with: Contents.oldMagic) { return try Contents(old: bytes, path) }
            throw FileError(
                path,
                ForeignContent.advice(bytes) ?? "is no file of torch.save: neither a zip archive nor its old format")
        }
        (self.path, self.file) = (path, file)
        (tensors, storages) = (contents.tensors, contents.storages)
        var counted: Set<String> = []
        elementCount = tensors.values.reduce(0) {
            counted.insert($1.storage.key).inserted ? $0 + $1.storage.count : $0
        }
    }

    /// See ``TensorFile``.
    public var names: [String] { Array(tensors.keys) }

    /// See ``TensorFile``.
    public func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    /// See ``TensorFile``.
    public func readFloats(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>
    ) throws(FileError) {
        guard let tensor = tensors[name], let count = tensor.count, let range = storages[tensor.storage.key] else {
            throw FileError(path, "there is no tensor \(quoted(name))")
        }
        guard destination.count == count else {
            throw FileError(path, "tensor \(quoted(name)) has \(count) elements, expected \(destination.count)")
        }
        let isFloat = file.withBytes { bytes in
            let storage = UnsafeRawBufferPointer(rebasing: bytes[range])
            let size = tensor.storage.type.size
            if count == 0 || tensor.isContiguous {
                let first = count == 0 ? 0 : tensor.offset * size
                return FloatConversion.convert(
                    UnsafeRawBufferPointer(rebasing: storage[first..<(first + count * size)]), of: tensor.storage.type,
                    into: destination)
            }
            return tensor.gathered(from: storage, count: count).withUnsafeBytes {
                FloatConversion.convert($0, of: tensor.storage.type, into: destination)
            }
        }
        guard isFloat else {
            throw FileError(
                path, "tensor \(quoted(name)) has type \(tensor.storage.type.rawValue), not a float type")
        }
    }
}

extension PyTorchFile.Contents {
    /// Reads the zip archive: `NAME/data.pkl` describes the tensors, `NAME/data/KEY` are the storages.
    init(archive bytes: UnsafeRawBufferPointer, _ path: String) throws(FileError) {
        let archive = try ZipArchive(bytes, path: path)
        let suffix = "/data.pkl"
        let pickles = archive.members.keys.filter { $0.hasSuffix(suffix) && $0.utf8.count { $0 == 0x2F } == 1 }
        guard let pickle = pickles.first, pickles.count == 1 else {
            throw FileError(
                path, "is a zip archive, but none of torch.save: it has \(pickles.count) members */data.pkl")
        }
        let folder = pickle.dropLast(suffix.count)
        let orderName = "\(folder)/byteorder"
        if archive.members[orderName] != nil {
            let order = bytes[try archive.range(of: orderName)]
            guard order.elementsEqual("little".utf8) else {
                throw FileError(path, "its numbers are not in little-endian order; save it again on a usual machine")
            }
        }
        var unpickler = Unpickler(bytes, try archive.range(of: pickle))
        tensors = try Self.tensors(&unpickler, path, pickle)
        storages = [:]
        for (name, storage) in try Self.distinct(tensors, path) {
            let range = try archive.range(of: "\(folder)/data/\(name)")
            try Self.check(storage, bytes: range.count, path)
            storages[name] = range
        }
    }

    /// The magic number of the old format, 0x1950A86A20F9469CFC6C as a pickle, with which a file begins.
    static let oldMagic: [UInt8] = [
        0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]

    /// Reads the old format: pickles of the magic number, the version (1001), the writer's machine, the tensors and the
    /// list of storages; then of each storage its number of elements (8 bytes), and these.
    init(old bytes: UnsafeRawBufferPointer, _ path: String) throws(FileError) {
        var next = Self.oldMagic.count
        func unpickler() -> Unpickler { Unpickler(bytes, next..<bytes.count) }

        var header = unpickler()
        guard case .integer(1001) = try Self.load(&header, path, "the version") else {
            throw FileError(path, "is of a version of torch's old format that is not known; only 1001 is")
        }
        next = header.position
        var machine = unpickler()
        let facts = try Self.load(&machine, path, "the writer's machine")
        for fact in machine.dictionary(facts) ?? [] {
            if case (.text("little_endian"), .bool(false)) = fact {
                throw FileError(path, "its numbers are not in little-endian order; save it again on a usual machine")
            }
        }
        next = machine.position
        var description = unpickler()
        tensors = try Self.tensors(&description, path, "the tensors")
        next = description.position
        var list = unpickler()
        let listed = try Self.load(&list, path, "the list of storages")
        next = list.position
        guard let keys = list.list(listed) else { throw FileError(path, "has no list of storages") }

        let known = try Self.distinct(tensors, path)
        storages = [:]
        for key in keys {
            guard case .text(let name) = key, let storage = known[name], storages[name] == nil else {
                throw FileError(path, "lists a storage that no tensor has, or the same one twice")
            }
            guard next <= bytes.count - 8 else { throw Self.cutOff(path) }
            let count = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self))
            next += 8
            guard count == UInt64(storage.count), storage.count <= (bytes.count - next) / storage.type.size else {
                throw count == UInt64(storage.count)
                    ? Self.cutOff(path)
                    : FileError(path, "storage \(quoted(name)) has \(count) elements, its tensors say \(storage.count)")
            }
            storages[name] = next..<(next + storage.count * storage.type.size)
            next += storage.count * storage.type.size
        }
        if let lost = known.keys.sorted(by: precedesInUTF8).first(where: { storages[$0] == nil }) {
            throw FileError(path, "does not have storage \(quoted(lost)), which a tensor needs")
        }
        guard next == bytes.count else {
            throw FileError(path, "has \(bytes.count - next) bytes behind its last storage")
        }
    }

    private static func cutOff(_ path: String) -> FileError {
        FileError(path, "is cut off in its storages: is the download complete?")
    }

    private static func load(
        _ unpickler: inout Unpickler, _ path: String, _ part: String
    ) throws(FileError) -> PickleValue {
        do { return try unpickler.load() } catch {
            throw FileError(path, "the pickle of \(part), at byte \(error.position), \(error.reason)")
        }
    }

    /// The tensors of a state dict.
    private static func tensors(
        _ unpickler: inout Unpickler, _ path: String, _ part: String
    ) throws(FileError) -> [String: PickledTensor] {
        let value = try load(&unpickler, path, part)
        guard let pairs = unpickler.dictionary(value) else {
            throw FileError(path, "holds \(value.kind), not the state dict of a model: save model.state_dict() alone")
        }
        var tensors: [String: PickledTensor] = [:]
        for (key, value) in pairs {
            guard case .text(let name) = key else { throw FileError(path, "has a key that is \(key.kind), no name") }
            guard case .tensor(let tensor) = value else {
                throw FileError(
                    path, "\(quoted(name)) is \(value.kind), not a tensor: save the state_dict() of the model alone")
            }
            guard tensors.updateValue(tensor, forKey: name) == nil else {
                throw FileError(path, "tensor \(quoted(name)) comes twice")
            }
        }
        return tensors
    }

    /// Each storage of these tensors once.
    private static func distinct(
        _ tensors: [String: PickledTensor], _ path: String
    ) throws(FileError) -> [String: PickledStorage] {
        var storages: [String: PickledStorage] = [:]
        for tensor in tensors.values {
            let storage = tensor.storage
            let known = storages.updateValue(storage, forKey: storage.key) ?? storage
            guard known == storage else {
                throw FileError(path, "storage \(quoted(storage.key)) is described in two ways")
            }
        }
        return storages
    }

    private static func check(_ storage: PickledStorage, bytes: Int, _ path: String) throws(FileError) {
        let needed = storage.type.byteCount(shape: [storage.count])
        guard needed == bytes else {
            throw FileError(
                path,
                "storage \(quoted(storage.key)) has \(bytes) bytes, but \(storage.count) elements of "
                    + storage.type.rawValue)
        }
    }
}

extension PickledTensor {
    /// Whether its elements lie in the order of a row-major array without gaps.
    fileprivate var isContiguous: Bool {
        var expected = 1
        for (length, stride) in zip(shape, strides).reversed() {
            if length != 1, stride != expected { return false }
            expected *= length
        }
        return true
    }

    /// The elements in row-major order.
    ///
    /// - Parameter count: Their number, above 0; all of them lie within the storage.
    fileprivate func gathered(from storage: UnsafeRawBufferPointer, count: Int) -> [UInt8] {
        let size = self.storage.type.size
        return [UInt8](unsafeUninitializedCapacity: count * size) { buffer, initialized in
            var index = [Int](repeating: 0, count: shape.count)
            var place = offset
            for element in 0..<count {
                UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[(element * size)...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[(place * size)..<(place * size + size)]))
                // The next index, the last dimension first. A stride that is never used may be any number.
                for dimension in shape.indices.reversed() {
                    index[dimension] += 1
                    place &+= strides[dimension]
                    if index[dimension] < shape[dimension] { break }
                    place &-= strides[dimension] &* shape[dimension]
                    index[dimension] = 0
                }
            }
            initialized = count * size
        }
    }
}
