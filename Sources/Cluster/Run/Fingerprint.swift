import Checkpoint
import Corpus
import Crypto
import Foundation
import Modeling
import Inference
import Support

/// By what a run knows its data and its model again.
enum Fingerprint {
    /// The SHA-256 of every file that decides on the bits, by what it is for: `train`, `validation`, `test`,
    /// `class-weights`, `labels`, `unlabeled`, `model`, `adapter`, `teacher-1`.
    ///
    /// A model folder that is not there any more is left out.
    static func take(_ run: RunConfiguration) throws -> [String: String] {
        var result: [String: String] = ["train": try dataFileSHA256(run.train)]
        result["validation"] = try run.validation.map { try dataFileSHA256($0) }
        result["test"] = try run.test.map { try dataFileSHA256($0) }
        if let weights = run.classWeights, weights != TaskOptions.balanced {
            result["class-weights"] = try dataFileSHA256(weights)
        }
        result["labels"] = try run.labels.map { try dataFileSHA256($0) }
        result["unlabeled"] = try run.unlabeled.map { try dataFileSHA256($0) }
        result["model"] = modelSHA256(run.model)
        if let adapter = run.adapter { result["adapter"] = modelSHA256(adapter) }
        for (number, teacher) in run.teachers.enumerated() { result["teacher-\(number + 1)"] = modelSHA256(teacher) }
        return result
    }

    /// Over the names and contents of the files that a model is read from.
    private static func modelSHA256(_ folder: String) -> String? {
        let folder = SentenceModules.transformerFolder(of: folder)
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return nil }
        var hash = SHA256()
        for name in names.sorted() where isModelFile(name) {
            // Not a FIFO, which would make everything wait.
            guard let (descriptor, _) = try? RegularFile.open("\(folder)/\(name)") else { continue }
            close(descriptor)
            guard let data = try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"), options: .alwaysMapped)
            else { continue }
            hash.update(data: Data("\(name) \(data.count)\n".utf8))
            hash.update(data: data)
        }
        return Hex.encode(hash.finalize())
    }

    private static func isModelFile(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") || name.hasSuffix(".bin")
            || ModelFolder.tokenizerFiles.contains(name) || WeightsFormat.allCases.contains { $0.fileName == name }
            || ["config.json", "adapter_config.json"].contains(name)
    }
}
