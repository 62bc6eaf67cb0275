import Support

/// A file of named tensors, or several files that an index joins, from which weights are read.
public protocol TensorFile: Sendable {
    /// The file, or the index of the shards.
    var path: String { get }
    /// The names of all tensors, in no order.
    var names: [String] { get }
    /// How many numbers the tensors have together; memory that tensors share counts once.
    var elementCount: Int { get }
    /// The sizes of a tensor, slowest dimension first; nil if there is no tensor of this name.
    func shape(of name: String) -> [Int]?
    /// Reads a tensor of 16, 32 or 64-bit floats as 32-bit floats, row-major; 64-bit ones are rounded to nearest.
    ///
    /// - Parameter destination: Must have exactly as many elements as the tensor.
    /// - Throws: An error that names file and tensor if it is not there, is of another type or of another size.
    func readFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws(FileError)
}
