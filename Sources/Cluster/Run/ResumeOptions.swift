import Foundation

/// How a run is to go on.
public struct ResumeOptions: Sendable, Equatable {
    /// Goes on although the data or the model are not those that the run began with.
    public var acceptsChanges: Bool

    /// Options; changes are refused unless they are accepted.
    public init(acceptsChanges: Bool = false) { self.acceptsChanges = acceptsChanges }

    /// The configuration of the run in `directory`, with `overrides` in place of what it had; and where its workers
    /// come from. The caller validates the two.
    ///
    /// - Parameter bind: where to listen, for a run whose workers are started by hand; nil: where it did before.
    /// - Throws: an error that names the file.
    public static func read(
        _ directory: String, overrides: RunOptions, bind: String?
    ) throws -> (RunConfiguration, WorkerSource) {
        let file = try RunDirectory.configurationFile(of: directory)
        var options = overrides.merged(over: try RunOptions(yamlFile: file))
        // It may have been moved since.
        options.output = directory
        let configuration = try RunConfiguration(options: options)
        let known = try CoordinatorFile.read(directory)
        if let bind { return (configuration, .external(bind: bind)) }
        if let known, !known.isLocal { return (configuration, .external(bind: known.endpoint)) }
        return (configuration, .local())
    }
}
