/// A head's outputs for some examples, to be read alone.
public struct OutputRows {
    /// (rows, width), row-major.
    public let values: UnsafePointer<Float>
    /// Rows: sequences, or tokens.
    public let rows: Int
    /// Floats of a row.
    public let width: Int

    /// The rows at `values`, which must stay there as long as this is used.
    public init(_ values: UnsafePointer<Float>, rows: Int, width: Int) {
        self.values = values
        self.rows = rows
        self.width = width
    }

    /// Row `index`.
    public func row(_ index: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: values + index * width, count: width)
    }
}
