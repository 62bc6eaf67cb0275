/// The options of a run.
public struct RunOptionTable: Sendable {
    /// In the order in which `run.yaml` lists them, and `--help` those of a group.
    public let options: [RunOption]
    private let indices: [String: Int]

    /// A table of these options.
    public init(_ options: [RunOption]) {
        self.options = options
        indices = Dictionary(options.enumerated().map { ($1.key, $0) }) { first, _ in first }
    }

    /// The option of this key in YAML.
    public func option(_ key: String) -> RunOption? { indices[key].map { options[$0] } }

    /// The option of this property of ``RunConfiguration``.
    func option(at path: AnyKeyPath) -> RunOption? { options.first { $0.path == path } }

    /// The options of a group.
    public func options(in group: RunOption.Group) -> [RunOption] { options.filter { $0.group == group } }

    /// From what other trainers call options, in lower case and without separators, to the options' names on the
    /// command line, without dashes.
    public var aliases: [String: String] {
        let own = options.flatMap { option in option.aliases.map { ($0, option.name) } }
        // --config names the YAML file, so it is no option that stands in one.
        return Dictionary(own + [("configfile", "config"), ("yaml", "config")]) { first, _ in first }
    }
}
