import Training

/// One layer of a run's configuration: what a YAML file, or a command line, gives.
///
/// An option is read and set by its property in ``RunConfiguration``, as in `options.batchSize = 16`; nil is "not
/// given". The values are not checked before they become a ``RunConfiguration``.
@dynamicMemberLookup
public struct RunOptions: Sendable, Equatable {
    /// The options that there are.
    let table: RunOptionTable
    /// What is given, by key.
    private var values: [String: RunOptionValue] = [:]

    /// A layer that gives nothing.
    public init() { self.init(table: .standard) }

    /// A layer of the options of `table` that gives nothing.
    public init(table: RunOptionTable) { self.table = table }

    /// Whether they give the same.
    public static func == (one: RunOptions, other: RunOptions) -> Bool { one.values == other.values }

    /// What is given for the option of this key in YAML.
    public subscript(key: String) -> RunOptionValue? {
        get { values[key] }
        set { values[key] = newValue }
    }

    /// What is given for a property that always has a value; nil also where that value is not understood.
    public subscript<T: RunOptionConvertible>(dynamicMember path: WritableKeyPath<RunConfiguration, T>) -> T? {
        get { value(at: path) }
        set { set(newValue, at: path) }
    }

    /// What is given for a property that may be nil.
    public subscript<T: RunOptionConvertible>(dynamicMember path: WritableKeyPath<RunConfiguration, T?>) -> T? {
        get { value(at: path) }
        set { set(newValue, at: path) }
    }

    private func value<T: RunOptionConvertible>(at path: AnyKeyPath) -> T? {
        guard let option = table.option(at: path), let value = values[option.key] else { return nil }
        return try? T(value, of: option.name)
    }

    private mutating func set<T: RunOptionConvertible>(_ value: T?, at path: AnyKeyPath) {
        guard let option = table.option(at: path) else {
            assertionFailure("\(path) is the property of no option")
            return
        }
        values[option.key] = value?.optionValue
    }

    /// Whether the option of this key is given.
    func gives(_ key: String) -> Bool { values[key] != nil }

    /// Adds what another part of the same layer gives.
    public mutating func add(_ other: RunOptions) { values.merge(other.values) { _, new in new } }

    /// The names of all options in YAML.
    public static var names: [String] { RunOptionTable.standard.options.map(\.key) }

    /// The value of the option called `name`, as text; nil where it is not given, or there is no such option.
    public func text(of name: String) -> String? {
        values[name]?.node.scalar?.string
    }

    /// This layer where it gives something, `base` elsewhere. Of `epochs` and `steps`, and of `freeze` and
    /// `train_only`, that of the upper layer counts; with another optimizer or schedule, the settings of that of `base`
    /// go.
    public func merged(over base: RunOptions) -> RunOptions {
        var result = base.withoutSettings(replacedBy: self)
        if self.epochs != nil { result.steps = nil }
        if self.steps != nil { result.epochs = nil }
        if self.freeze != nil { result.trainOnly = nil }
        if self.trainOnly != nil { result.freeze = nil }
        result.add(self)
        return result
    }

    /// Throws if options that exclude each other are both given.
    func checkConflicts() throws(ConfigurationError) {
        if self.epochs != nil, self.steps != nil { throw .conflict("epochs", "steps") }
        if gives("freeze"), gives("train_only") { throw .conflict("freeze", "train-only") }
    }
}
