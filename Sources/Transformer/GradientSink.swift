/// Where the backward pass puts gradients.
///
/// A micro-batch's backward pass writes each part of the flat gradient exactly once. A sink lends the memory for a
/// part, and takes it back when it is written: it may add it at once, while it is still in the cache, to what is there.
public protocol GradientSink: AnyObject {
    /// Memory for `count` floats at `offset` of the flat gradient, with undefined contents; all of it is then written.
    func lend(offset: Int, count: Int) -> UnsafeMutablePointer<Float>
    /// The part lent last is written.
    func takeBack()
    /// No further part of this bucket follows from this micro-batch. The bucket after the last dense one is that of the
    /// word embedding.
    func finish(bucket: Int)
}

extension GradientSink {
    /// Lends a part, lets `body` write it, and takes it back.
    @inline(__always)
    func write(_ offset: Int, _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        body(lend(offset: offset, count: count))
        takeBack()
    }

    /// The same for several parts of `width` floats that loops add to, so they begin as zeros.
    @inline(__always)
    func add(_ offset: Int, _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        let part = lend(offset: offset, count: count)
        part.update(repeating: 0, count: count)
        body(part)
        takeBack()
    }
}
