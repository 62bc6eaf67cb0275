import Numerics
import Support

/// The compute threads of a replica, and which of a rank's micro-batches each of them computes.
///
/// With T threads, T micro-batches are computed side by side, each with single-threaded products, so that the number of
/// threads cannot change a bit. It is used by one thread at a time.
final class ComputeTeam {
    /// Runs a function on all threads.
    let team: ThreadTeam
    /// What each thread has to itself.
    let threads: [ComputeThread]
    /// Floats of the longest flat gradient.
    private let gradientCapacity: Int
    /// Holds the sum where this rank has no micro-batches.
    private var spare: FloatBuffer?

    /// A team of `count` threads, each with what `make` gives it.
    ///
    /// - Throws: `ResourceLimitError` if the process may not have the threads.
    init(
        count: Int, gradientCapacity: Int, make: (_ thread: Int, GradientBuffers) -> ComputeThread
    ) throws(ResourceLimitError) {
        team = try ThreadTeam(count: count)
        self.gradientCapacity = gradientCapacity
        threads = (0..<count).map { make($0, GradientBuffers(count: gradientCapacity)) }
    }

    /// The number of threads.
    var count: Int { threads.count }

    /// The run of `microBatches` micro-batches that a thread computes; empty where threads outnumber them.
    func share(_ thread: Int, of microBatches: Int) -> Range<Int> {
        (thread * microBatches / count)..<((thread + 1) * microBatches / count)
    }

    /// Memory for the sum of a step in which this rank has `microBatches`: the buffer of its first contribution, where
    /// there is one, so that one rank alone has nothing to copy.
    func resultBuffer(microBatches: Int) -> UnsafeMutablePointer<Float> {
        // Thread 0 may have no micro-batch where threads outnumber them.
        if let busy = (0..<count).first(where: { !share($0, of: microBatches).isEmpty }) {
            threads[busy].buffers.grow(to: 1)
            return threads[busy].buffers[0]
        }
        if let spare { return spare.pointer }
        let made = FloatBuffer(count: gradientCapacity)
        spare = made
        return made.pointer
    }
}
