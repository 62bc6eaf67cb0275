/// Where the backward pass puts gradients.
///
/// A micro-batch's backward pass writes each part of the flat gradient exactly once: it reserves memory for a part,
/// writes it, and commits it. A sink may add a part at once, while it is still in the cache, to what is there.
public protocol GradientSink: AnyObject {
    /// Memory for `count` floats at `offset` of the flat gradient, with undefined contents; all of it is then written.
    func reserve(offset: Int, count: Int) -> UnsafeMutablePointer<Float>
    /// Commits the part that the last ``reserve(offset:count:)`` returned: it is written.
    func commit()
    /// No further part of this bucket follows from this micro-batch. The bucket after the last dense one is that of the
    /// word embedding, where its gradient is compact.
    func finish(bucket: Int)
}

extension GradientSink {
    /// Reserves a part, lets `body` write it, and commits it.
    @inline(__always)
    func write(_ offset: Int, _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        body(reserve(offset: offset, count: count))
        commit()
    }

    /// The same for several parts of `width` floats that loops add to, so they begin as zeros.
    @inline(__always)
    func add(_ offset: Int, _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        let part = reserve(offset: offset, count: count)
        part.update(repeating: 0, count: count)
        body(part)
        commit()
    }
}
