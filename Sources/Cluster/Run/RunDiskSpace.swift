import Foundation
import Support

/// The room that a run needs on its disk, and what there is.
struct RunDiskSpace: Equatable {
    /// Bytes of a model folder, without its small files.
    var model: Int
    /// Bytes of a checkpoint.
    var checkpoint: Int
    /// The checkpoints that are kept at once, one that is being written among them.
    var checkpoints: Int

    /// What a run of `floats` weights, with `momentFloats` in all moments of its optimizer, writes.
    init(floats: Int, momentFloats: Int, keep: Int, hasValidation: Bool, writesCheckpoints: Bool = true) {
        model = floats * 4
        checkpoint = writesCheckpoints ? (floats + momentFloats) * 4 : 0
        checkpoints = max(1, keep) + (hasValidation ? 1 : 0) + 1
    }

    /// Without these nothing of the run is kept at its end: the last checkpoint, and the model.
    var least: Int { model + checkpoint }
    /// With these nothing has to be removed on the way.
    var all: Int { model + checkpoint * checkpoints }

    /// What to say where `free` bytes are there; `isError` if the run cannot end well.
    func problem(free: Int, path: String) -> (text: String, isError: Bool)? {
        // What is there in full units, what is needed in begun ones, of which small models have few.
        func megabytes(_ bytes: Int) -> String {
            bytes < 10_000_000 ? "\((bytes + 999) / 1000) kB" : "\((bytes + 999_999) / 1_000_000) MB"
        }
        let place = "\(megabytes(free)) are free on the disk of \(path.printable(limit: 400))"
        if free < least {
            return (
                "\(place), and the run needs \(megabytes(least)) at its end for \(checkpoint > 0 ? "a checkpoint and the model" : "the model"): free "
                    + "\(megabytes(least - free)), or choose another --output", true
            )
        }
        guard free < all else { return nil }
        return (
            "\(place); with \(checkpoints) checkpoints at once the run needs \(megabytes(all)): free "
                + "\(megabytes(all - free)), or give a lower --keep-checkpoints", false
        )
    }

    /// The bytes that this user may still write at `path`; nil where the system does not say.
    static func free(_ path: String) -> Int? {
        var info = statvfs()
        guard statvfs(path, &info) == 0, info.f_blocks > 0 else { return nil }
        let (bytes, overflow) = Int(clamping: info.f_bavail).multipliedReportingOverflow(
            by: Int(clamping: info.f_frsize))
        return overflow ? nil : bytes
    }
}
