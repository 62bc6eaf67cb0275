import Foundation
import Support

/// By what the best of several checkpoints is chosen.
public struct CheckpointRanking: Sendable, Equatable {
    /// The key in ``TrainerState/metrics`` of the figure that decides.
    public var key: String
    /// Whether the greater of two is the better one.
    public var isHigherBetter: Bool
    /// The key of the loss, of which less is better: it decides between equals.
    public static let lossKey = "validation_loss"

    /// By the figure `key`.
    public init(key: String, isHigherBetter: Bool) {
        self.key = key
        self.isHigherBetter = isHigherBetter
    }
}

/// Which checkpoints of a run are kept.
extension CheckpointFolder {
    /// Removes all but the newest `keepNewest` (at least 1) and the best.
    ///
    /// Hashes are not compared here, which would take too long after every checkpoint: one whose manifest and state can
    /// be read counts as whole. Those that are not count for nothing, and are removed once a newer one is whole.
    ///
    /// - Returns: Those removed. A crash on the way leaves nothing that looks like a checkpoint: they are renamed
    ///   first.
    /// - Throws: An error that names the folder and the system's reason.
    @discardableResult
    public static func prune(
        in runDirectory: String, keepNewest: Int, best ranking: CheckpointRanking
    ) throws(FileError) -> [CheckpointFolder] {
        let all = try list(in: runDirectory)
        let whole = all.filter(\.isReadable)
        guard let newest = whole.first else { return [] }
        var kept = Set(whole.prefix(max(1, keepNewest)).map(\.step))
        if let best = best(of: whole, by: ranking) { kept.insert(best.step) }
        var removed: [CheckpointFolder] = []
        for checkpoint in all where checkpoint.step <= newest.step && !kept.contains(checkpoint.step) {
            try AtomicDirectory.removeWhole(checkpoint.path)
            removed.append(checkpoint)
        }
        return removed
    }

    /// Removes all checkpoints, and their folder if nothing else is in it.
    public static func removeAll(in runDirectory: String) throws(FileError) {
        for checkpoint in try list(in: runDirectory) { try AtomicDirectory.removeWhole(checkpoint.path) }
        rmdir(joinedPath(withoutTrailingSlash(runDirectory), collection))
    }

    /// The best checkpoint by `ranking`; of equals, that with the lowest loss, then the newest. Nil if none has both
    /// figures in its state's metrics. Only those of the newest one's phase compare.
    public static func best(
        in runDirectory: String, by ranking: CheckpointRanking
    ) throws(FileError) -> CheckpointFolder? {
        best(of: try list(in: runDirectory).filter(\.isReadable), by: ranking)
    }

    /// `candidates` are newest first.
    private static func best(of candidates: [CheckpointFolder], by ranking: CheckpointRanking) -> CheckpointFolder? {
        var best: (checkpoint: CheckpointFolder, merit: Double, loss: Double)?
        let phase = candidates.first.flatMap { try? $0.loadState().phase }
        for checkpoint in candidates {
            guard let state = try? checkpoint.loadState(), state.phase == phase else { continue }
            guard let figure = state.metrics[ranking.key], let loss = state.metrics[CheckpointRanking.lossKey],
                figure.isFinite, loss.isFinite
            else { continue }
            let merit = ranking.isHigherBetter ? figure : -figure
            if let best, (merit, -loss) <= (best.merit, -best.loss) { continue }
            best = (checkpoint, merit, loss)
        }
        return best?.checkpoint
    }

    private var isReadable: Bool {
        guard (try? Manifest(folder: path)) != nil, let state = try? loadState() else { return false }
        return state.step == step
    }
}
