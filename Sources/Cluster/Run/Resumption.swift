import Checkpoint
import Foundation
import Support

/// What is there of a run that is to go on.
struct Resumption: Sendable {
    /// The newest whole checkpoint; nil if there is none.
    var checkpoint: CheckpointFolder?
    var log: MetricsLog
    /// What the run was made from; empty where it is not known.
    var fingerprint: [String: String]
    /// Goes on although data or model have changed.
    var acceptsChanges: Bool
    /// The steps of the run where it was finished; else nil.
    var finishedSteps: Int?
    /// Worth a warning.
    var warnings: [String]

    /// Looks at a run directory.
    init(runDirectory: String, fingerprint: [String: String], acceptsChanges: Bool) throws {
        self.fingerprint = fingerprint
        self.acceptsChanges = acceptsChanges
        log = try MetricsLog(path: runDirectory + "/metrics.jsonl")
        var skipped: [String] = []
        if let damage = log.damage {
            skipped.append("\(runDirectory)/metrics.jsonl is damaged, the rest of it does not count: \(damage)")
        }
        var damage: [FileError] = []
        checkpoint = try CheckpointFolder.newestWhole(in: runDirectory) { folder, error in
            skipped.append("the checkpoint \(folder.path) is skipped: \(error)")
            damage.append(error)
        }
        if checkpoint == nil { try Self.refuseToLose(runDirectory, damage) }
        warnings = skipped
        if self.fingerprint.isEmpty, let notes = try checkpoint?.loadState().notes { self.fingerprint = notes }
        do {
            finishedSteps = try CheckedFile.read(CompleteRun.self, runDirectory + "/result.json")?.steps
        } catch {
            throw RunError.failed("\(error); remove it to go on with the run as one that is not complete")
        }
    }

    /// Throws where a run without a whole checkpoint would begin anew, and write over what may still be mended.
    ///
    /// - Parameter damage: What is wrong with the checkpoints that are there, the newest first.
    private static func refuseToLose(_ runDirectory: String, _ damage: [FileError]) throws(RunError) {
        let folder = runDirectory + "/" + CheckpointFolder.collection
        let shown = folder.printable(limit: 1000)
        if let newest = damage.first {
            throw .failed(
                "no checkpoint of \(damage.count) in \(shown) is whole: \(newest); put back what was there, or move "
                    + "\(shown) away to begin anew")
        }
        var info = stat()
        if lstat(folder, &info) == 0, stat(folder, &info) != 0 || info.st_mode & S_IFMT != S_IFDIR {
            throw .failed(
                "\(shown) leads to no folder: put back what was there, or move it away to begin anew")
        }
    }

    /// Whether nothing may be left of the run to do; how many steps it has in all is known once its data are read.
    ///
    /// - Parameter steps: The steps that the run is to have now, where it is not epochs that count.
    func mayBeComplete(steps: Int?) -> Bool {
        finishedSteps != nil || (checkpoint?.step ?? 0) > (steps ?? .max)
    }

    /// Throws an error that names what has changed, unless changes are accepted.
    func check(_ now: [String: String]) throws {
        guard !acceptsChanges else { return }
        for (name, hash) in fingerprint.sorted(by: { $0.key < $1.key }) {
            // A model that is gone is not needed where there is a checkpoint; where there is none, reading it will
            // fail.
            guard let found = now[name], found != hash else { continue }
            throw RunError.failed(
                "the --\(name) of this run has changed since (its SHA-256 is \(found.prefix(12))…, it was "
                    + "\(hash.prefix(12))…): the result would be another one; put back what was there, or go on all the "
                    + "same with --accept-changes")
        }
    }
}
