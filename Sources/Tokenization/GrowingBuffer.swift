/// Elements in memory that grows and is used again; for one thread at a time. Reads are not checked.
struct GrowingBuffer<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    /// How many elements are in use.
    private(set) var count = 0

    init(capacity: Int = 64) {
        self.capacity = max(capacity, 1)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    var elements: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: base, count: count) }

    /// How much memory there is, in bytes.
    var bytes: Int { capacity * MemoryLayout<Element>.stride }

    @inline(__always)
    mutating func removeAll() { count = 0 }

    /// Makes room for so many more elements.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if count &+ more > capacity { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }

    /// Gives the buffer so many elements, whose values are those that the memory had.
    @inline(__always)
    mutating func resize(_ count: Int) {
        if count > self.count { reserve(count &- self.count) }
        self.count = count
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        reserve(1)
        base[count] = element
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ elements: UnsafePointer<Element>, count more: Int) {
        reserve(more)
        (base + count).update(from: elements, count: more)
        count &+= more
    }

    mutating func append(_ elements: [Element]) {
        elements.withUnsafeBufferPointer { if let start = $0.baseAddress { append(start, count: $0.count) } }
    }
}
