import Support
import Training

/// What is wrong with the options of a run, or with the file that gives them.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The value of `option` (as on the command line, without dashes) is out of range; `need` follows "must be".
    case invalid(_ option: String, value: String, need: String)
    /// An option that has no default was not given.
    case missingOption(_ option: String, what: String)
    /// An option of a worker, which has no configuration file, was not given.
    case missingWorkerOption(_ option: String, what: String)
    /// An option that has no effect with the others; `reason` says what it belongs to.
    case unused(_ option: String, reason: String)
    /// Two options that exclude each other.
    case conflict(_ option: String, _ other: String)
    /// The configuration file cannot be used; `line` is 0 where it is not known.
    case file(path: String, line: Int, reason: String)
    /// This machine cannot do what `option` asks for; `value` is empty where it is a flag.
    case unsupported(_ option: String, value: String, reason: String)
    /// An option of training is out of range.
    case training(TrainingError)

    /// Whether the same options may be right on another machine.
    public var dependsOnMachine: Bool { if case .unsupported = self { true } else { false } }

    /// One line for people.
    public var description: String {
        switch self {
        case .invalid(let option, let value, let need):
            "--\(option) is \(value.isEmpty ? "\"\"" : value.printable()), but must be \(need)"
        case .missingOption(let option, let what):
            "--\(option) is missing: give \(what), there or as \(option.replacing("-", with: "_")) in the --config file"
        case .missingWorkerOption(let option, let what): "--\(option) is missing: give \(what)"
        case .unused(let option, let reason): "--\(option) \(reason)"
        case .conflict(let option, let other): "--\(option) and --\(other) exclude each other: give one of them"
        case .file(let path, let line, let reason): line > 0 ? "\(path):\(line): \(reason)" : "\(path): \(reason)"
        case .unsupported(let option, let value, let reason):
            value.isEmpty ? "--\(option) cannot be used: \(reason)" : "--\(option) \(value) cannot be used: \(reason)"
        case .training(let error): error.description
        }
    }
}
