import Logging

/// Hands each message on as a line for people: warnings begin with `warning: `, errors with `error: `, others are as
/// they are. There is no time and no name: what reads the standard error of a long run (a terminal, systemd, Slurm)
/// adds its own.
public struct LineLogHandler: LogHandler {
    /// See `LogHandler`; not shown.
    public var metadata: Logger.Metadata = [:]
    /// See `LogHandler`; not shown.
    public var metadataProvider: Logger.MetadataProvider?
    /// Messages of a lower level are left out.
    public var logLevel: Logger.Level = .info
    private let write: @Sendable (String) -> Void

    /// A handler that calls `write`, from any thread, with each line.
    public init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

    /// See `LogHandler`.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// See `LogHandler`.
    public func log(event: LogEvent) {
        switch event.level {
        case .warning: write("warning: \(event.message)")
        case .error, .critical: write("error: \(event.message)")
        default: write("\(event.message)")
        }
    }
}

extension Logger {
    /// A logger whose messages go to `write` as lines; see ``LineLogHandler``.
    public init(lines write: @escaping @Sendable (String) -> Void) {
        self.init(label: "shoal") { _ in LineLogHandler(write) }
    }

    /// A logger that drops everything.
    public static var silent: Logger { Logger(label: "shoal") { _ in SwiftLogNoOpLogHandler() } }
}
