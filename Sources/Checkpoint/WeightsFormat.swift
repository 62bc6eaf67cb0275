import Support

/// The kinds of files that hold a model's weights, in the order in which they are preferred.
public enum WeightsFormat: String, CaseIterable, Sendable {
    /// One file of safetensors.
    case safetensors = "model.safetensors"
    /// Several of them with their index.
    case safetensorsShards = "model.safetensors.index.json"
    /// One file of `torch.save`.
    case pyTorch = "pytorch_model.bin"
    /// Several of them with their index.
    case pyTorchShards = "pytorch_model.bin.index.json"

    /// Its file in a model folder.
    public var fileName: String { rawValue }

    /// Opens a file of this kind; the shards lie beside their index.
    ///
    /// - Throws: An error that names the file, and what is wrong with it.
    public func open(_ path: String) throws(FileError) -> any TensorFile {
        switch self {
        case .safetensors: try SafetensorsFile(path: path)
        case .pyTorch: try PyTorchFile(path: path)
        case .safetensorsShards:
            try ShardedTensors(index: path) { path throws(FileError) in try SafetensorsFile(path: path) }
        case .pyTorchShards:
            try ShardedTensors(index: path) { path throws(FileError) in try PyTorchFile(path: path) }
        }
    }
}
