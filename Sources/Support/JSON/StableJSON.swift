import Foundation

/// JSON whose text depends on nothing but the value: keys sorted, slashes unescaped.
public enum StableJSON {
    /// On one line, without a line break at its end.
    public static func line(_ value: some Encodable) throws -> Data { try encoder([]).encode(value) }

    /// Indented, with a line break at its end, as files for people are.
    public static func document(_ value: some Encodable) throws -> Data {
        try encoder(.prettyPrinted).encode(value) + Data("\n".utf8)
    }

    /// An encoder that writes so, for callers with other settings besides.
    public static func encoder(_ formatting: JSONEncoder.OutputFormatting) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        return encoder
    }
}
