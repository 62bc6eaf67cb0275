/// Which checkpoints of a run are kept.
extension CheckpointFolder {
    /// Removes all but the newest `keepNewest` (at least 1) and the best: see `best(in:)`.
    ///
    /// Hashes are not compared here, which would take too long after every checkpoint: one whose manifest and state can
    /// be read counts as whole. Those that are damaged count for nothing, and are removed once a newer one is whole.
    ///
    /// - Returns: Those removed, newest first. A crash on the way leaves nothing that looks like a checkpoint, only what
    ///   `AtomicDirectory.removeLeftovers` clears away.
    /// - Throws: An error that names the path and the system's reason. If a checkpoint cannot be looked at, nothing is
    ///   removed; if one cannot be removed, the others are all the same.
    @discardableResult
    public static func prune(in runDirectory: String, keepNewest: Int) throws(CheckpointError) -> [CheckpointFolder] {
        let all = try list(in: runDirectory)
        let whole = try outlines(of: all)
        guard let newest = whole.first?.checkpoint else { return [] }
        var kept = Set(whole.prefix(max(1, keepNewest)).map(\.checkpoint.step))
        if let best = best(of: whole) { kept.insert(best.step) }
        var removed: [CheckpointFolder] = []
        var failure: CheckpointError?
        for checkpoint in all where checkpoint.step < newest.step && !kept.contains(checkpoint.step) {
            do throws(CheckpointError) {
                try AtomicDirectory.removeWhole(checkpoint.path)
                removed.append(checkpoint)
            } catch {
                // One that stays must not let the others fill the disk.
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return removed
    }

    /// The checkpoint with the highest `validation_accuracy` in its state's metrics; of equals, that with the lowest
    /// `validation_loss`, then the newest. Nil if none has both, as numbers.
    ///
    /// Its hashes are not compared: see `verify()`.
    ///
    /// - Throws: An error that names what the system does not let us look at.
    public static func best(in runDirectory: String) throws(CheckpointError) -> CheckpointFolder? {
        best(of: try outlines(of: try list(in: runDirectory)))
    }

    /// A checkpoint that is whole as far as its small files tell.
    private struct Outline {
        var checkpoint: CheckpointFolder
        var metrics: [String: Double]
    }

    private static func outlines(of checkpoints: [CheckpointFolder]) throws(CheckpointError) -> [Outline] {
        var outlines: [Outline] = []
        for checkpoint in checkpoints {
            if let outline = try checkpoint.outline() { outlines.append(outline) }
        }
        return outlines
    }

    /// `candidates` are newest first.
    private static func best(of candidates: [Outline]) -> CheckpointFolder? {
        var best: (checkpoint: CheckpointFolder, accuracy: Double, loss: Double)?
        for candidate in candidates {
            // A run that diverged has NaN, which compares as neither better nor worse.
            guard let accuracy = candidate.metrics["validation_accuracy"], !accuracy.isNaN,
                let loss = candidate.metrics["validation_loss"], !loss.isNaN
            else { continue }
            if let best, (accuracy, -loss) <= (best.accuracy, -best.loss) { continue }
            best = (candidate.checkpoint, accuracy, loss)
        }
        return best?.checkpoint
    }

    /// Nil if it is damaged. What the system refuses to show may be whole, and is no ground for removing it: that is an
    /// error.
    private func outline() throws(CheckpointError) -> Outline? {
        for name in [Manifest.fileName, TrainerState.fileName] {
            guard try PathKind(joined(path, name)) == .file else { return nil }
        }
        do throws(CheckpointError) {
            _ = try loadManifest()
            let state = try loadState()
            return state.step == step ? Outline(checkpoint: self, metrics: state.metrics) : nil
        } catch {
            if case .inputOutput = error { throw error }
            return nil
        }
    }
}
