import Checkpoint
import Foundation
import Support
import Transformer

/// What the coordinator sees to on its disk, besides writing states.
extension CoordinatorLoop {
    /// Looks whether the run directory and the sockets are still there, once a second and before anything is kept.
    func lookAround() {
        for warning in directory.checkPlace() { emit(.warning(warning)) }
        guard let sockets, !sockets.isThere else { return }
        let isMade = sockets.makeAgain() && (try? socket.bind(endpoint)) != nil
        guard !warnedOfSockets else { return }
        warnedOfSockets = true
        emit(
            .warning(
                "the run's sockets in \(sockets.path) were removed while the run goes on; "
                    + (isMade
                        ? "they are made again"
                        : "they cannot be made again, and workers that are lost cannot be replaced")
                    + ": is there a cleaner of temporary folders? XDG_RUNTIME_DIR or TMPDIR names another place"))
    }

    /// Says so at the start if the disk has no room for what is written at the end.
    func checkDisk(_ preparation: Preparation) throws {
        let space = DiskSpace(
            floats: preparation.welcome.weightCount, moments: preparation.stateParts.count - 1,
            keep: configuration.keepCheckpoints, hasValidation: preparation.validation != nil)
        guard let free = DiskSpace.free(directory.path),
            let problem = space.problem(free: free, path: directory.path)
        else { return }
        // A run that goes on may free what it has kept so far.
        guard problem.isError, !machine.training.settings.isResumed else {
            emit(.warning(problem.text))
            return
        }
        throw RunError.failed(problem.text)
    }

    /// How a run that could not write its end can still be saved.
    func remedy() -> String {
        let newest = (try? CheckpointFolder.list(in: directory.path))?.first
        guard let newest else { return "; no checkpoint is left of the run: free some room and start it again" }
        let floats = prepared?.preparation.welcome.weightCount ?? 0
        let parts = prepared?.preparation.stateParts.count ?? 1
        let megabytes = (floats * 4 * (1 + parts) + 999_999) / 1_000_000
        return
            "; the state of step \(newest.step) is kept: if the disk is full, free \(megabytes) MB, and then run shoal resume "
            + directory.path.printable(limit: 400)
    }

    /// Reads the checkpoint of a step in the background.
    func loadBest(step: Int) throws {
        guard let prepared else { return }
        let (checkpoint, inbox) = (CheckpointFolder(runDirectory: directory.path, step: step), inbox)
        let (layout, parts) = (ParameterLayout(configuration: prepared.configuration), prepared.preparation.stateParts)
        let schedule = prepared.preparation.source.point.schedule
        try NamedThread.start("shoal-load") {
            do {
                try checkpoint.verify()
                let state = try LoadedState(checkpoint, layout: layout, parts: parts)
                let point = RunHistory.Point(step: state.step, schedule: schedule)
                inbox.post(.loadedBest(state, StateSource(step: state.step, parts: state.digests(), point: point)))
            } catch {
                inbox.post(
                    .event(
                        .sourceFailed(
                            "the best state, that of step \(step), cannot be read: \(error); shoal resume with --keep last "
                                + "writes the last one")))
            }
        }
    }

    /// With --keep-checkpoints 0: the model is there, and nobody asked for more.
    func removeCheckpoints() {
        do { try CheckpointFolder.removeAll(in: directory.path) } catch {
            emit(.warning("the checkpoints could not be removed: \(error)"))
        }
    }

    /// An error of the end with what can be done about it.
    func explained(_ error: RunError) -> RunError {
        guard case .failed(let reason) = error, hasFailedToSave else { return error }
        return .failed(reason + remedy())
    }
}
