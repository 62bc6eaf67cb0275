import Foundation
import Support

/// What can happen to a run directory behind the run's back.
enum RunDirectoryProblem: Hashable {
    case folderLost, folderReplaced, metricsLost, metricsCut, smallFileLost
}

/// A run directory that is moved, removed, replaced or cut short while the run goes on.
extension RunDirectory {
    /// Looks whether the folder, and metrics.jsonl in it, are still those that the run works with. What is lost is
    /// written again where that is possible.
    ///
    /// - Returns: what people should know, each kind of thing once.
    func checkIntegrity() -> [String] {
        guard isOpen else { return [] }
        var lines: [String] = []
        func note(_ problem: RunDirectoryProblem, _ text: String) {
            if warnedOf.insert(problem).inserted { lines.append(text) }
        }
        if !isFolderInPlace { moveFolder(note) }
        checkSmallFiles(note)
        checkMetrics(note)
        return lines
    }

    /// Whether `path` leads to the folder that is open.
    private var isFolderInPlace: Bool {
        var (own, found) = (stat(), stat())
        return fstat(folder, &own) == 0 && stat(path, &found) == 0 && own.st_ino == found.st_ino
            && own.st_dev == found.st_dev
    }

    /// Where the open folder is now; nil if it was removed.
    private var presentPath: String? {
        var info = stat()
        guard fstat(folder, &info) == 0, info.st_nlink > 0,
            let found = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(folder)")
        else { return nil }
        var there = stat()
        return stat(found, &there) == 0 && there.st_ino == info.st_ino && there.st_dev == info.st_dev ? found : nil
    }

    /// The folder is not where it was: it is made again, if its place is free; if something else is there, the run goes
    /// on where the folder is now, or beside its place.
    private func moveFolder(_ note: (RunDirectoryProblem, String) -> Void) {
        let place = presentPath
        let fate = place.map { "was moved to \($0.printable(limit: 400))" } ?? "was removed"
        let old = path
        let isFree = FlatFolder.names(in: path)?.isEmpty ?? (access(path, F_OK) != 0)
        if isFree, Self.makeFolders(path), (try? takeLock()) != nil {
            note(
                .folderLost,
                "the run directory \(old) \(fate) while the run goes on: it is made again, without the checkpoints")
            return
        }
        let other = place ?? "\(promisedPath).kept-\(getpid())"
        guard place != nil || Self.makeFolders(other) else { return }
        path = other
        if place == nil { try? takeLock() }
        note(
            .folderReplaced,
            "the run directory \(old) \(fate) while the run goes on, and something else is in its place: the run writes to "
                + "\(other.printable(limit: 400)) from here on")
    }

    private func checkSmallFiles(_ note: (RunDirectoryProblem, String) -> Void) {
        for (name, file) in smallFiles.sorted(by: { $0.key < $1.key }) where access("\(path)/\(name)", F_OK) != 0 {
            try? DurableFile.write(file.data, to: "\(path)/\(name)", mode: file.mode)
            note(.smallFileLost, "\(path)/\(name) was removed while the run goes on: it is written again")
        }
    }

    private func checkMetrics(_ note: (RunDirectoryProblem, String) -> Void) {
        guard metrics >= 0 else { return }
        var (own, found) = (stat(), stat())
        guard fstat(metrics, &own) == 0 else { return }
        let isThere = stat(metricsPath, &found) == 0 && found.st_ino == own.st_ino && found.st_dev == own.st_dev
        if Int(own.st_size) < metricsBytes {
            note(
                .metricsCut,
                "\(metricsPath) was cut short while the run goes on (\(own.st_size) bytes, \(metricsBytes) were written): its "
                    + "lines up to here are lost")
            metricsBytes = Int(own.st_size)
        }
        guard !isThere else { return }
        // The file that is gone can still be read: by who has it open.
        let text = contentsOfOpenMetrics(Int(own.st_size))
        do {
            try DurableFile.write(text, to: metricsPath)
            close(metrics)
            metrics = -1
            try openMetrics()
            note(.metricsLost, "\(metricsPath) was removed or replaced while the run goes on: it is written again")
        } catch {
            note(
                .metricsLost, "\(metricsPath) was removed while the run goes on, and cannot be written again: \(error)")
        }
    }

    private func contentsOfOpenMetrics(_ bytes: Int) -> Data {
        var text = Data(count: bytes)
        let count = text.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < buffer.count, let base = buffer.baseAddress {
                let got = pread(metrics, base + done, buffer.count - done, off_t(done))
                guard got > 0 else { break }
                done += got
            }
            return done
        }
        return text.prefix(count)
    }

    /// Throws if what a complete run leaves is not where it was promised; says where it is.
    func checkResult() throws(RunError) {
        for file in ["\(modelPath)/model.safetensors", resultPath] where access(file, R_OK) != 0 {
            throw .failed(
                "\(file) was removed as soon as it was written: the run is complete, but what it gave is lost")
        }
        guard path == promisedPath else {
            throw .failed(
                "the run is complete, but \(promisedPath) was moved or replaced meanwhile: the model is in "
                    + "\(modelPath.printable(limit: 400)), everything else of the run in \(path.printable(limit: 400))")
        }
    }
}
