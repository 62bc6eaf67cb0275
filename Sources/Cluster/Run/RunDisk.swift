import Checkpoint
import Foundation
import Support

/// What the coordinator sees to on its disk besides writing states: room for them, folders that others remove, and what
/// to do after something could not be written.
struct RunDisk {
    private let directory: RunDirectory
    /// Where the sockets of a run on this machine are.
    private let sockets: SocketFolder?
    /// The checkpoints that are kept (``RunConfiguration/keepCheckpoints``).
    private let keepCheckpoints: Int
    private var warnedOfSockets = false
    /// Whether the newest attempt to keep something failed.
    private var hasFailedToSave = false

    init(directory: RunDirectory, sockets: SocketFolder?, keepCheckpoints: Int) {
        self.directory = directory
        self.sockets = sockets
        self.keepCheckpoints = keepCheckpoints
    }

    /// Looks whether the run directory and the sockets are still there, and makes them again where that is possible:
    /// once a second and before anything is kept.
    ///
    /// - Parameter bind: Binds the control socket again; whether that worked.
    /// - Returns: What people should know, each kind of thing once.
    mutating func checkPlaces(bind: () -> Bool) -> [String] {
        var lines = directory.checkIntegrity()
        guard let sockets, !sockets.isThere else { return lines }
        let isMade = sockets.makeAgain() && bind()
        guard !warnedOfSockets else { return lines }
        warnedOfSockets = true
        lines.append(
            "the run's sockets in \(sockets.path) were removed while the run goes on; "
                + (isMade
                    ? "they are made again"
                    : "they cannot be made again, and workers that are lost cannot be replaced")
                + ": is there a cleaner of temporary folders? XDG_RUNTIME_DIR or TMPDIR names another place")
        return lines
    }

    /// Looks whether the disk has room for what a run of this `size` writes.
    ///
    /// - Parameters:
    ///   - isResumed: Whether the run goes on: it may free what it has kept so far, and is not refused.
    ///   - free: Bytes that are free; nil where the system does not say.
    /// - Returns: What to warn about.
    /// - Throws: An error with the bytes that are missing where a new run could not write its end.
    func checkRoom(for size: StateSize, isResumed: Bool, free: Int?) throws(RunError) -> String? {
        let space = RunDiskSpace(
            floats: size.floats, momentFloats: size.momentFloats, keep: keepCheckpoints,
            hasValidation: size.hasValidation, writesCheckpoints: size.writesCheckpoints)
        guard let free, let problem = space.problem(free: free, path: directory.path) else { return nil }
        if problem.isError, !isResumed { throw .failed(problem.text) }
        return problem.text
    }

    /// Bytes that are free in the run directory; nil where the system does not say.
    var free: Int? { RunDiskSpace.free(directory.path) }

    /// Remembers how the newest attempt to keep something ended.
    mutating func saved(_ isSaved: Bool) { hasFailedToSave = !isSaved }

    /// An error of the end, with what can be done about it where something could not be kept.
    func explained(_ error: RunError, size: StateSize) -> RunError {
        guard case .failed(let reason) = error, hasFailedToSave else { return error }
        return .failed(reason + remedy(size))
    }

    /// How a run that could not write its end can still be saved.
    private func remedy(_ size: StateSize) -> String {
        guard let newest = (try? CheckpointFolder.list(in: directory.path))?.first else {
            return "; no checkpoint is left of the run: mend that (free room if the disk is full) and start it again"
        }
        let megabytes = ((2 * size.floats + size.momentFloats) * 4 + 999_999) / 1_000_000
        return "; the state of step \(newest.step) is kept: if the disk is full, free \(megabytes) MB, and then run "
            + CommandName.line("resume", directory.path)
    }

    /// Removes the checkpoints of a run that is to keep none, once its model is there; a line if that fails.
    func removeUnwantedCheckpoints() -> String? {
        guard keepCheckpoints == 0 else { return nil }
        do { try CheckpointFolder.removeAll(in: directory.path) } catch {
            return "the checkpoints could not be removed: \(error)"
        }
        return nil
    }
}

/// How much a run keeps at once.
struct StateSize: Equatable {
    /// Floats of the weights.
    var floats = 0
    /// Floats of all moments of the optimizer together.
    var momentFloats = 0
    /// Whether the best state is kept besides.
    var hasValidation = false
    /// Whether there are steps whose state is kept.
    var writesCheckpoints = true
}

extension StateSize {
    /// That of a run: of the largest of its phases.
    init(_ plan: RunPlan) {
        let phases = plan.phases
        guard phases.contains(where: { !$0.steps.isEmpty }) else {
            // Nothing is kept but the model.
            self.init(floats: phases.last?.welcome.shape.weights ?? 0, momentFloats: 0, writesCheckpoints: false)
            return
        }
        self.init(
            floats: phases.map(\.welcome.shape.weights).max() ?? 0,
            momentFloats: phases.map { $0.welcome.shape.moments * ($0.stateParts.count - 1) }.max() ?? 0,
            hasValidation: phases.contains { $0.validation != nil })
    }
}
