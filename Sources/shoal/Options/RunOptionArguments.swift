import ArgumentParser
import Cluster
import Support

/// Which options of a run a command takes together.
protocol RunOptionSelection {
    /// The table that they are from.
    static var table: RunOptionTable { get }
    /// The options, in the order of `--help`.
    static var options: [RunOption] { get }
    /// The sentence of `--help` about one of them.
    static func help(of option: RunOption) -> String
}

extension RunOptionSelection {
    static var table: RunOptionTable { .standard }
    static func help(of option: RunOption) -> String { option.help }
}

/// Options of a run on a command line, made from their declarations in a ``RunOptionTable``.
///
/// The parser finds arguments by reflection: it expects the property wrappers `Option` and `Flag` among the children of
/// a type's mirror, labelled as Swift labels wrappers, and decodes the values by these labels. Here both come from the
/// table instead of from stored properties.
struct RunOptionArguments<Selection: RunOptionSelection>: ParsableArguments, CustomReflectable {
    /// What was given.
    private(set) var given = RunOptions(table: Selection.table)

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: RunOptionCodingKey.self)
        for option in Selection.options { given[option.key] = try option.decode(from: container) }
    }

    var customMirror: Mirror {
        Mirror(
            self,
            children: Selection.options.map { ("_" + $0.key, $0.argument(help: Selection.help(of: $0))) },
            displayStyle: .struct)
    }
}

/// The key of an option, as the parser's decoder wants it.
struct RunOptionCodingKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension RunOption {
    /// The property wrapper that declares it to the parser. A number may begin with `-`: it is then a wrong value, and
    /// not another option.
    fileprivate func argument(help sentence: String) -> Any {
        let names = NameSpecification.customLong(name)
        let help = ArgumentHelp(sentence, valueName: valueName)
        switch kind {
        case .flag: return Flag<Bool?>(name: names, inversion: .prefixedNo, help: ArgumentHelp(sentence))
        case .integer: return Option<Int?>(name: names, parsing: .unconditional, help: help)
        case .unsigned: return Option<UInt64?>(name: names, parsing: .unconditional, help: help)
        case .number: return Option<Double?>(name: names, parsing: .unconditional, help: help)
        case .quantity: return Option<String?>(name: names, parsing: .unconditional, help: help)
        case .text: return Option<String?>(name: names, help: help)
        case .texts: return Option<[String]>(wrappedValue: [], name: names, help: help)
        case .path: return Option<String?>(name: names, help: help, transform: UserPath.argument)
        }
    }

    /// What was given; nil for nothing.
    fileprivate func decode(from container: KeyedDecodingContainer<RunOptionCodingKey>) throws -> RunOptionValue? {
        let key = RunOptionCodingKey(stringValue: key)
        switch kind {
        case .flag:
            return try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map { .flag($0) }
        case .integer:
            return try container.decode(Option<Int?>.self, forKey: key).wrappedValue.map { .integer($0) }
        case .unsigned:
            return try container.decode(Option<UInt64?>.self, forKey: key).wrappedValue.map { .unsigned($0) }
        case .number:
            return try container.decode(Option<Double?>.self, forKey: key).wrappedValue.map { .number($0) }
        case .text, .quantity, .path:
            return try container.decode(Option<String?>.self, forKey: key).wrappedValue.map { .text($0) }
        case .texts:
            let texts = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
            return texts.isEmpty ? nil : .texts(texts)
        }
    }
}
