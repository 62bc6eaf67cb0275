import Foundation

/// How this process's `malloc` treats blocks of the size of a received segment.
public enum AllocatorTuning {
    /// Keeps freed blocks of up to 32 MiB for the next ones instead of giving their pages back to the kernel at once.
    ///
    /// The messaging library allocates every received segment anew. Without this, many cost a system call and a page
    /// fault for every 4 KiB: about a seventh of the processor time of an all-reduce. Up to 128 MiB of freed memory
    /// stay with each of the library's threads. Call it once, first thing in a worker; it holds for the whole process.
    public static func keepFreedBlocks() {
        // Looked up by name, since Swift's C library module leaves <malloc.h> out; other C libraries may not have it.
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        let (mmapThreshold, trimThreshold): (Int32, Int32) = (-3, -1)
        // On failure the defaults stay, which are only slower.
        _ = mallopt(mmapThreshold, 32 << 20)
        _ = mallopt(trimThreshold, 128 << 20)
    }
}
