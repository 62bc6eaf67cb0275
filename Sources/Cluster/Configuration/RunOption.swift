import Support

/// The declaration of one option of a run.
///
/// It is all that an option needs besides its property in ``RunConfiguration``: the command line, reading and writing
/// of YAML, `--help`, `run.yaml`, the check of its range and the suggestions for misspelt names follow from it. See
/// ``RunOptionTable``.
public struct RunOption: Sendable {
    /// The key in YAML.
    public let key: String
    /// Under which title `--help` lists it.
    public let group: Group
    /// How it is given.
    public let kind: RunOptionKind
    /// What `--help` calls the value; empty for flags.
    public let valueName: String
    /// The sentence of `--help`, with the default.
    public let help: String
    /// The sentence of `shoal resume --help`.
    public let resumeHelp: String
    /// What other trainers call it: lower case, without separators.
    let aliases: [String]
    /// The optimizer or schedule without which it has no effect.
    let owner: Owner?
    /// What must be given, where there is no default.
    let required: String?
    /// Its property in ``RunConfiguration``.
    let path: AnyKeyPath & Sendable
    /// Sets the property to what a user gave.
    let apply: @Sendable (RunOptionValue, inout RunConfiguration) throws(ConfigurationError) -> Void
    /// The property as a user would give it; nil where that is to give nothing.
    let current: @Sendable (RunConfiguration) -> RunOptionValue?
    /// Throws if the property is out of range.
    let check: @Sendable (RunConfiguration) throws(ConfigurationError) -> Void

    /// The name on the command line, without dashes.
    public var name: String { Self.name(of: key) }

    /// The name on the command line that belongs to a key of YAML.
    static func name(of key: String) -> String { key.replacing("_", with: "-") }

    /// Values of another option with which alone an option has an effect.
    struct Owner: Sendable, Equatable {
        /// The key of the option that chooses, such as `optimizer`.
        var choice: String
        /// The values with which the option has an effect, the usual one first.
        var values: [String]

        init(choice: String, values: String...) { (self.choice, self.values) = (choice, values) }

        /// For people: "the methods probe and contrastive".
        var text: String {
            "the \(choice)\(values.count > 1 ? "s" : "") \(values.dropLast().joined(separator: ", "))"
                + (values.count > 1 ? " and " : "") + (values.last ?? "")
        }

        static let adamW = Owner(choice: "optimizer", values: OptimizerName.adamw.rawValue)
        static let finetune = Owner(
            choice: "method", values: TrainingMethod.finetune.rawValue, TrainingMethod.auto.rawValue)
        static let auto = Owner(choice: "method", values: TrainingMethod.auto.rawValue)
        /// The methods that compute a classifier from embeddings.
        static let classifier = Owner(
            choice: "method", values: TrainingMethod.probe.rawValue, TrainingMethod.contrastive.rawValue,
            TrainingMethod.distill.rawValue, TrainingMethod.auto.rawValue)
        static let distill = Owner(choice: "method", values: TrainingMethod.distill.rawValue)
        static let contrastive = Owner(choice: "method", values: TrainingMethod.contrastive.rawValue)
        static let sgd = Owner(choice: "optimizer", values: OptimizerName.sgd.rawValue)
        static let plateau = Owner(choice: "schedule", values: "plateau")
    }

    /// What nil means for a property that is an optional.
    enum MeaningOfNil {
        /// Nothing was given, and nothing is written.
        case notGiven
        /// 0 was given: YAML and command lines have no other common word for "none". It is written as 0.
        case zero
        /// 0 was given, or nothing; nothing is written.
        case zeroOrNotGiven
    }

    /// An option with a default, or that is required.
    ///
    /// - Parameters:
    ///   - group: Under which title `--help` lists it.
    ///   - key: The key in YAML; on the command line `-` stands for `_`.
    ///   - path: Its property.
    ///   - valueName: What `--help` calls the value.
    ///   - help: The sentence of `--help`, without the default and the full stop.
    ///   - allowed: The values that the property may have; nil where another check follows.
    ///   - kind: How it is given, if not as the property's type is.
    ///   - required: What must be given, where there is no default.
    ///   - owner: The optimizer or schedule without which it has no effect.
    ///   - standard: What `--help` says of the default; nil for its value, empty for nothing.
    ///   - resumed: The sentence of `resume --help`, without the full stop; nil for that of `train`.
    ///   - aliases: What other trainers call it, in lower case without separators, with spaces between them.
    init<T: RunOptionConvertible>(
        _ group: Group, _ key: String, _ path: WritableKeyPath<RunConfiguration, T> & Sendable, _ valueName: String,
        _ help: String, allowed: AllowedValues<T>? = nil, kind: RunOptionKind? = nil, required: String? = nil,
        owner: Owner? = nil, standard: String? = nil, resumed: String? = nil, aliases: String = ""
    ) {
        let (name, kind) = (Self.name(of: key), kind ?? T.optionKind)
        let isRequired = required != nil
        self.init(
            group: group, key: key, kind: kind, valueName: valueName, help: help,
            standard: isRequired ? "" : standard ?? RunConfiguration.standard[keyPath: path].optionValue.description,
            resumed: resumed, aliases: aliases, owner: owner, required: required, path: path,
            apply: { value, run throws(ConfigurationError) in
                run[keyPath: path] = try T(Self.expand(value, kind, name), of: name)
            },
            current: { $0[keyPath: path].optionValue },
            check: { run throws(ConfigurationError) in
                let value = run[keyPath: path]
                try allowed?.check(value, of: name)
                guard !isRequired || value.optionValue != .text("") else {
                    throw .invalid(name, value: "\"\"", need: "a path")
                }
            })
    }

    /// An option whose property may be nil; see the other initializer for the parameters.
    ///
    /// - Parameter none: How a user gives nil.
    init<T: RunOptionConvertible>(
        _ group: Group, _ key: String, _ path: WritableKeyPath<RunConfiguration, T?> & Sendable,
        _ valueName: String, _ help: String, none: MeaningOfNil = .notGiven, allowed: AllowedValues<T>? = nil,
        kind: RunOptionKind? = nil, owner: Owner? = nil, standard: String? = nil, resumed: String? = nil,
        aliases: String = ""
    ) {
        let (name, kind) = (Self.name(of: key), kind ?? T.optionKind)
        self.init(
            group: group, key: key, kind: kind, valueName: valueName, help: help,
            standard: standard ?? RunConfiguration.standard[keyPath: path]?.optionValue.description ?? "none",
            resumed: resumed, aliases: aliases, owner: owner, required: nil, path: path,
            apply: { value, run throws(ConfigurationError) in
                let isNone = none != .notGiven && value.isZero
                run[keyPath: path] = isNone ? nil : try T(Self.expand(value, kind, name), of: name)
            },
            current: { run in run[keyPath: path]?.optionValue ?? (none == .zero ? kind.zero : nil) },
            check: { run throws(ConfigurationError) in
                if let value = run[keyPath: path] { try allowed?.check(value, of: name) }
            })
    }

    private init(
        group: Group, key: String, kind: RunOptionKind, valueName: String, help: String, standard: String,
        resumed: String?, aliases: String, owner: Owner?, required: String?, path: AnyKeyPath & Sendable,
        apply: @escaping @Sendable (RunOptionValue, inout RunConfiguration) throws(ConfigurationError) -> Void,
        current: @escaping @Sendable (RunConfiguration) -> RunOptionValue?,
        check: @escaping @Sendable (RunConfiguration) throws(ConfigurationError) -> Void
    ) {
        (self.group, self.key, self.kind, self.valueName) = (group, key, kind, valueName)
        self.help = help + (standard.isEmpty ? "" : " (default: \(standard))") + "."
        resumeHelp = resumed.map { "\($0) (default: as before)." } ?? self.help
        self.aliases = aliases.split(separator: " ").map(String.init)
        (self.owner, self.required, self.path) = (owner, required, path)
        (self.apply, self.current, self.check) = (apply, current, check)
    }

    /// A path as the system wants it: a shell does not expand those in YAML, nor those in quotes.
    private static func expand(
        _ value: RunOptionValue, _ kind: RunOptionKind, _ name: String
    ) throws(ConfigurationError) -> RunOptionValue {
        guard kind == .path, case .text(let text) = value else { return value }
        do { return .text(try UserPath.expand(text)) } catch {
            throw .invalid(name, value: text, need: "a path: \(error.reason)")
        }
    }
}
