import Foundation

/// Which folder was meant where a folder that only contains a model was given as one.
public enum ModelFolderAdvice {
    /// Folders with more entries than this are not searched.
    private static let mostEntries = 1000

    /// One sentence about a folder that has no `config.json` itself: what it is, and what to give instead. Nil where
    /// nothing is known.
    public static func advice(for path: String) -> String? {
        if exists("\(path)/run.yaml") { return adviceForRun(path) }
        let names = entries(path)
        if names.contains("adapter_config.json") {
            return "it is the folder of an adapter: give the folder of its model, and this one as --adapter"
        }
        if names.contains("snapshots") { return adviceForHubCache(path) }
        if names.contains("0_Transformer") || names.contains("modules.json"),
            let found = names.sorted().first(where: { isModel("\(path)/\($0)") })
        {
            return "it is a folder of sentence-transformers: give \("\(path)/\(found)".printable())"
        }
        let models = names.sorted().filter { isModel("\(path)/\($0)") }
        guard let first = models.first else { return nil }
        return models.count == 1
            ? "give \("\(path)/\(first)".printable())"
            : "it holds \(models.count) model folders: give one of them, such as \("\(path)/\(first)".printable())"
    }

    private static func adviceForRun(_ path: String) -> String {
        let run = "it is the run directory of a training"
        if isModel("\(path)/model") { return "\(run): give \("\(path)/model".printable())" }
        let checkpoints = entries("\(path)/checkpoints").sorted().filter { isModel("\(path)/checkpoints/\($0)") }
        guard let last = checkpoints.last else {
            return "\(run) that has written neither a model nor a checkpoint yet"
        }
        return "\(run) that is not complete: give its newest checkpoint, \("\(path)/checkpoints/\(last)".printable())"
    }

    /// The cache of huggingface_hub: `refs/main` names the snapshot that counts.
    private static func adviceForHubCache(_ path: String) -> String? {
        let snapshots = entries("\(path)/snapshots").sorted()
        let main = FileManager.default.contents(atPath: "\(path)/refs/main").map {
            String(decoding: $0.prefix(100), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let whole = snapshots.filter { isModel("\(path)/snapshots/\($0)") }
        guard let found = whole.first(where: { $0 == main }) ?? whole.last ?? snapshots.last else {
            return "it is a folder of the Hugging Face cache, without a snapshot; download the model again"
        }
        return "it is a folder of the Hugging Face cache: give \("\(path)/snapshots/\(found)".printable())"
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private static func isModel(_ path: String) -> Bool { exists("\(path)/config.json") }

    private static func entries(_ path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.count <= mostEntries ? names : []
    }
}
