import Support

/// Several files of tensors that an index joins, as `save_pretrained` writes large models.
struct ShardedTensors: TensorFile {
    let path: String
    let elementCount: Int
    private let shards: [any TensorFile]
    /// Which of `shards` holds a tensor.
    private let shard: [String: Int]

    /// Opens all files that an index lists. They lie beside it.
    ///
    /// - Parameter open: Opens one of them.
    /// - Throws: An error that names the index or the shard.
    init(index path: String, open: (String) throws(FileError) -> any TensorFile) throws(FileError) {
        let index = try ShardIndex(path: path)
        var shard: [String: Int] = [:]
        var shards: [any TensorFile] = []
        for name in index.files {
            let shardPath = joinedPath(parentFolder(of: path), name)
            let file = try open(shardPath)
            for tensor in file.names {
                guard index.fileOfTensor[tensor] == name else {
                    throw FileError(shardPath, "tensor \(quoted(tensor)) is not listed for this file in \(path)")
                }
                shard[tensor] = shards.count
            }
            shards.append(file)
        }
        if let lost = index.fileOfTensor.keys.sorted(by: precedesInUTF8).first(where: { shard[$0] == nil }) {
            throw FileError(path, "lists tensor \(quoted(lost)), which its file does not have")
        }
        self.path = path
        self.shards = shards
        self.shard = shard
        elementCount = shards.reduce(0) { $0 + $1.elementCount }
    }

    var names: [String] { Array(shard.keys) }

    func shape(of name: String) -> [Int]? { shard[name].flatMap { shards[$0].shape(of: name) } }

    func readFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws(FileError) {
        guard let number = shard[name] else { throw FileError(path, "there is no tensor \(quoted(name))") }
        try shards[number].readFloats(name, into: destination)
    }
}
