// Members are documented at the protocol.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
import Collectives
import Inference
import Modeling
import Training

/// A type that a property of ``RunConfiguration`` may have to be set by an option.
public protocol RunOptionConvertible: Sendable, Equatable {
    /// How users give it.
    static var optionKind: RunOptionKind { get }
    /// The value that a user gave.
    ///
    /// - Parameters:
    ///   - optionValue: The value.
    ///   - option: The option's name on the command line, without dashes, for the error.
    init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError)
    /// As a user gives it.
    var optionValue: RunOptionValue { get }
}

extension RunOptionConvertible {
    /// The error that says that `value` is of another kind.
    static func wrongKind(_ value: RunOptionValue, of option: String) -> ConfigurationError {
        .invalid(option, value: value.description, need: optionKind.need)
    }
}

extension Bool: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .flag }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .flag(let value) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        self = value
    }
    public var optionValue: RunOptionValue { .flag(self) }
}

extension Int: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .integer }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .integer(let value) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        self = value
    }
    public var optionValue: RunOptionValue { .integer(self) }
}

extension UInt64: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .unsigned }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .unsigned(let value) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        self = value
    }
    public var optionValue: RunOptionValue { .unsigned(self) }
}

extension Double: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .number }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .number(let value) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        self = value
    }
    public var optionValue: RunOptionValue { .number(self) }
}

extension String: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .text }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let value) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        self = value
    }
    public var optionValue: RunOptionValue { .text(self) }
}

extension [String]: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .texts }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .texts(let values) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        self = values
    }
    public var optionValue: RunOptionValue { .texts(self) }
}

extension Warmup: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .quantity }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let text) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        do { self = try Warmup(parsing: text) } catch { throw .training(error) }
    }
    public var optionValue: RunOptionValue { .text(description) }
}

extension PartSelection: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .text }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let text) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        do { try self.init(text) } catch { throw .invalid(option, value: text, need: error.need) }
    }
    public var optionValue: RunOptionValue { .text(text) }
}

extension AdapterSelection: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .text }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let text) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        do { try self.init(text) } catch { throw .invalid(option, value: text, need: error.need) }
    }
    public var optionValue: RunOptionValue { .text(text) }
}

extension ScoreRange: RunOptionConvertible {
    public static var optionKind: RunOptionKind { .text }
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let text) = optionValue else { throw Self.wrongKind(optionValue, of: option) }
        do { try self.init(text) } catch { throw .invalid(option, value: text, need: error.need) }
    }
    public var optionValue: RunOptionValue { .text(text) }
}

extension RunOptionConvertible where Self: RawRepresentable & CaseIterable, RawValue == String {
    /// A name.
    public static var optionKind: RunOptionKind { .text }
    /// The case of this name.
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let name) = optionValue, let known = Self(rawValue: name) else {
            let names = Self.allCases.map(\.rawValue)
            let need = names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
            throw .invalid(option, value: optionValue.description, need: need)
        }
        self = known
    }
    /// The name.
    public var optionValue: RunOptionValue { .text(rawValue) }
}

extension OptimizerName: RunOptionConvertible {}
extension TrainingMethod: RunOptionConvertible {}
extension ContrastiveLoss: RunOptionConvertible {}
extension ScheduleKind: RunOptionConvertible {}
extension Precision: RunOptionConvertible {}
extension WirePrecision: RunOptionConvertible {}
extension KeptState: RunOptionConvertible {}
