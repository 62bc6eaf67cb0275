import Checkpoint
import Foundation
import Support

/// What a folder is to someone who names it as a run directory.
enum RunState: Equatable {
    /// There is nothing of that name.
    case missing
    /// It has nothing of a run in it. `hint` names a folder that may have been meant, as a whole clause; else it is
    /// empty.
    case noRun(hint: String)
    /// A coordinator works there: process `pid` of `host`, as far as they are known; `step` of `total` steps are done.
    case training(pid: Int?, host: String?, step: Int, total: Int)
    /// It is complete after so many steps.
    case complete(steps: Int)
    /// No process works there, and it is not complete; `total` is 0 where that is not known.
    case interrupted(step: Int, total: Int)

    /// A status of another machine that is no older may be that of a run which is alive.
    private static let freshSeconds = 30.0

    /// Looks at a folder; `isLocked` says whether someone else is known to work there.
    init(of folder: String, isLocked: Bool? = nil) {
        let path = RunDirectory.normal(folder)
        let status = FileManager.default.contents(atPath: path + "/status.json")
            .flatMap { try? RunStatus(json: String(decoding: $0, as: UTF8.self)) }
        let isHere = status?.host == ProcessInfo.processInfo.hostName
        if isLocked ?? LockHolder.isLocked(path) {
            let holder = LockHolder.process(of: path).map { Int($0) }
            // The status may still be that of a coordinator before this one.
            let isOwn = holder == nil || holder == status?.pid
            self = .training(
                pid: holder ?? status?.pid, host: isOwn ? status?.host : ProcessInfo.processInfo.hostName,
                step: isOwn ? status?.step ?? 0 : 0, total: isOwn ? status?.totalSteps ?? 0 : 0)
            return
        }
        guard FileManager.default.fileExists(atPath: path + "/run.yaml") else {
            self = FileManager.default.fileExists(atPath: path) ? .noRun(hint: Self.hint(path)) : .missing
            return
        }
        if let status, !isHere, status.phase != "ended",
            Date().timeIntervalSince1970 - status.time < Self.freshSeconds
        {
            // A lock does not reach over every network disk.
            self = .training(pid: status.pid, host: status.host, step: status.step, total: status.totalSteps)
            return
        }
        if let data = FileManager.default.contents(atPath: path + "/result.json"),
            let result = try? CheckedFile.decode(CompleteRun.self, from: data)
        {
            self = .complete(steps: result.steps)
        } else {
            let newest = status == nil ? (try? CheckpointFolder.list(in: path))?.first?.step : nil
            self = .interrupted(step: status?.step ?? newest ?? 0, total: status?.totalSteps ?? 0)
        }
    }

    /// Which run directory may have been meant by one that is none: the one that it lies in, or those that lie in it.
    private static func hint(_ path: String) -> String {
        func isRun(_ folder: String) -> Bool { FileManager.default.fileExists(atPath: folder + "/run.yaml") }
        var parent = path
        for _ in 0..<2 {
            parent = (parent as NSString).deletingLastPathComponent
            if !parent.isEmpty, parent != "/", isRun(parent) {
                return "it belongs to the run \(parent.printable(limit: 1000))"
            }
        }
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        let runs = names.filter { isRun("\(path)/\($0)") }.map { "\(path)/\($0)".printable(limit: 1000) }
        guard !runs.isEmpty else { return "" }
        let more = runs.count > 5 ? " and \(runs.count - 5) more" : ""
        return "it holds the \(runs.count == 1 ? "run" : "runs") \(runs.prefix(5).joined(separator: ", "))\(more)"
    }

    /// Why `folder`, which is not empty, cannot be the `--output` of a new run, and what to do instead.
    func refusalAsOutput(_ folder: String) -> String {
        let (path, shown) = (RunDirectory.normal(folder), folder.printable(limit: 1000))
        let other = "--output \(shellQuoted(Self.freeName(path).printable(limit: 1000)))"
        switch self {
        case .missing, .noRun:
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
            let some = names.prefix(3).map { $0.printable(limit: 60) }.joined(separator: ", ")
            let list = names.isEmpty ? "" : " (\(some)\(names.count > 3 ? ", …" : ""))"
            return
                "--output: the folder \(shown) is not empty and is no run\(list): give a folder that does not exist, or "
                + "is empty, such as \(other)"
        case .training:
            return "--output: \(described(shown)); look at it with `\(CommandName.line("status", path))`, end it with "
                + "`\(CommandName.line("stop", path))`, or choose another: \(other)"
        case .complete:
            let takesSteps =
                (try? RunOptions(yamlFile: RunDirectory.configurationFile(of: path)))
                .flatMap { $0["method"]?.description } != TrainingMethod.probe.rawValue
            let longer =
                takesSteps ? "train it for longer with `\(CommandName.line("resume", path)) --epochs …`, or " : ""
            return "--output: \(described(shown)): its model is \(shown)/model; \(longer)choose another: \(other)"
        case .interrupted:
            return "--output: \(described(shown)); go on with it by `\(CommandName.line("resume", path))`, or choose "
                + "another: \(other)"
        }
    }

    /// Why `folder` cannot be looked at, resumed or stopped as a run; nil where it is one.
    func refusalAsRun(_ folder: String) -> String? {
        let shown = folder.printable(limit: 1000)
        switch self {
        case .missing: return "\(shown): there is no such folder; give the --output of a run"
        case .noRun(let hint):
            return
                "\(shown) is no run directory: \(hint.isEmpty ? "it has no run.yaml" : hint); give the --output of a run"
        case .training, .complete, .interrupted: return nil
        }
    }

    /// What the run in `folder` is doing, as a clause.
    func described(_ folder: String) -> String {
        func place(_ step: Int, _ total: Int) -> String { total > 0 ? "step \(step) of \(total)" : "step \(step)" }
        switch self {
        case .missing: return "\(folder) does not exist"
        case .noRun: return "\(folder) is no run"
        case .training(let pid, let host, let step, let total):
            let process = pid.map { "process \($0)" + (host.map { " on \($0.printable())" } ?? "") }
            let facts = [total > 0 ? place(step, total) : nil, process].compactMap { $0 }
            return "\(folder) is a run that is being trained"
                + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))")
        case .complete(let steps): return "\(folder) is a run that is complete (\(plural(steps, "step")))"
        case .interrupted(let step, let total):
            return "\(folder) is a run that was interrupted (at \(place(step, total)))"
        }
    }

    /// A name like `path` that is not taken: with -2, -3 and so on.
    private static func freeName(_ path: String) -> String {
        for number in 2...999 where !FileManager.default.fileExists(atPath: "\(path)-\(number)") {
            return "\(path)-\(number)"
        }
        return path + "-new"
    }
}
