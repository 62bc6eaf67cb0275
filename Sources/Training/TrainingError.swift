/// What is wrong with the settings of a training run.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    /// The value of `option` (its name on the command line, without dashes) is out of range; `need` says what it must
    /// be, to follow "must be".
    case invalidOption(_ option: String, value: String, need: String)
    /// A saved state does not fit the run that it is loaded into; `reason` says why and what to do.
    case unusableState(_ reason: String)

    /// One line for people.
    public var description: String {
        switch self {
        case .invalidOption(let option, let value, let need): "--\(option) is \(value), but must be \(need)"
        case .unusableState(let reason): reason
        }
    }
}
