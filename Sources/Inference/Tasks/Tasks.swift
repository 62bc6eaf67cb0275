import Modeling
import Support

/// The tasks that a model can be trained for: one line for each.
public enum Tasks {
    /// All of them; the first is the usual one.
    public static let all: [any Task] = [
        Classification(),
        MultiLabel(),
        Regression(),
        MaskedLanguage(),
        TokenTagging(),
        Embedding(),
    ]

    /// The usual one.
    public static var standard: any Task { all[0] }

    /// The task of this name; nil if there is none.
    public static func named(_ name: String) -> (any Task)? { all.first { $0.name == name } }

    /// What the model in a folder was trained for. A folder without a head counts as a classifier, whose classifier is
    /// missing, unless a task is chosen.
    ///
    /// - Parameter chosen: What the model is to be used for, where the folder leaves it open; nil for no choice.
    /// - Throws: An error that names config.json, where it is for something that no task is, or not for the chosen one.
    public static func task(of folder: ModelFolder, chosen: (any Task)? = nil) throws(FileError) -> any Task {
        let task = try task(of: folder.configuration, path: folder.configurationPath, chosen: chosen)
        return try (task as? any PooledTask)?.reading(folder) ?? task
    }

    /// What a model of this configuration was trained for; see ``task(of:chosen:)``.
    ///
    /// - Parameter path: The file or folder, for the message.
    static func task(
        of configuration: ModelConfiguration, path: String, chosen: (any Task)? = nil
    ) throws(FileError) -> any Task {
        let isOpen = leavesOpen(configuration)
        if isOpen, let chosen { return chosen.configured(by: configuration) }
        let own = try task(of: configuration, isOpen: isOpen, path: path)
        guard let chosen, chosen.name != own.name else { return own }
        throw FileError(
            path,
            "the folder is that of a model for \(own.name), and --task is \(chosen.name): leave --task out, or give another "
                + "model")
    }

    /// Whether a model of this configuration may have been trained for any task.
    static func leavesOpen(_ configuration: ModelConfiguration) -> Bool {
        // Of sentence-transformers: what else the encoder was trained for is not what the folder is for.
        configuration.sentenceModules?.pooling == nil && !ModelPurpose.hasTask(configuration.purpose.classSuffix)
    }

    private static func task(
        of configuration: ModelConfiguration, isOpen: Bool, path: String
    ) throws(FileError) -> any Task {
        var purpose = configuration.purpose
        if purpose.isPooled {
            let pooled = all.lazy.compactMap { $0 as? any PooledTask }
            let task = pooled.first { type(of: $0).problem == purpose.problem }
            return (task ?? Classification()).configured(by: configuration)
        }
        if configuration.sentenceModules?.pooling != nil {
            purpose = .embedding
        } else if isOpen {
            purpose.classSuffix = ModelPurpose.sequenceClassification
            purpose.problem = purpose.problem ?? .singleLabel
        }
        guard let task = all.first(where: { $0.purpose == purpose }) else {
            let name = "\(configuration.classPrefix)\(purpose.classSuffix ?? "")"
            throw FileError(
                path,
                "architectures is \(quoted(name)), a model for none of the tasks "
                    + "\(all.map(\.name).joined(separator: ", ")): train it for one of them first")
        }
        return task.configured(by: configuration)
    }
}

extension ModelPurpose {
    /// Whether a class of `transformers` has a classifier with outputs of a fixed meaning. Heads of pretraining do not
    /// count: what is asked of such a model is a classifier.
    fileprivate static func hasTask(_ suffix: String?) -> Bool {
        guard let suffix else { return false }
        return ModelConfiguration.labelledClasses.contains(suffix)
            || Tasks.all.contains { $0.purpose.classSuffix == suffix }
    }
}
