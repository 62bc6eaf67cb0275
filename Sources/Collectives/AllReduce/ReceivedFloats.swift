/// The floats of a received frame, or ones that were decoded from it.
///
/// Used by the I/O thread alone.
final class ReceivedFloats {
    let pointer: UnsafePointer<Float>
    private let frame: (any ReceivedFrame)?
    private let copy: UnsafeMutableRawPointer?

    /// The floats in `frame`, in place if they are aligned.
    init(_ frame: any ReceivedFrame) {
        let bytes = frame.bytes
        if let base = bytes.baseAddress, Int(bitPattern: base) % MemoryLayout<Float>.alignment == 0 {
            pointer = base.assumingMemoryBound(to: Float.self)
            self.frame = frame
            copy = nil
        } else {
            // The library packs small frames into one buffer, at any address.
            let aligned = UnsafeMutableRawPointer.allocate(byteCount: max(4, bytes.count), alignment: 64)
            aligned.copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(aligned), byteCount: bytes.count)
            pointer = UnsafePointer(aligned.assumingMemoryBound(to: Float.self))
            self.frame = nil
            copy = aligned
        }
    }

    /// `count` floats that `fill` writes; nil if it says that it could not.
    init?(count: Int, fill: (UnsafeMutablePointer<Float>) throws -> Bool) rethrows {
        let made = UnsafeMutableRawPointer.allocate(byteCount: max(4, count * 4), alignment: 64)
        let floats = made.bindMemory(to: Float.self, capacity: max(1, count))
        pointer = UnsafePointer(floats)
        frame = nil
        copy = made
        if try !fill(floats) { return nil }
    }

    deinit { copy?.deallocate() }
}

/// Where the floats of one input of a segment are.
enum SegmentInput {
    /// In a contribution of this rank.
    case own(UnsafePointer<Float>)
    /// From a peer.
    case received(ReceivedFloats)

    var pointer: UnsafePointer<Float> {
        switch self {
        case .own(let pointer): pointer
        case .received(let floats): floats.pointer
        }
    }
}
