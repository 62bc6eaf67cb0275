import Foundation
import Support

/// The adapter of a checkpoint, as an entry of config.json.
extension ModelConfiguration {
    /// Its key.
    static let adapterKey = "shoal_adapter"

    /// Reads the entry.
    ///
    /// - Throws: An error that names the file, if it is not as it is written here.
    static func adapter(_ config: ConfigurationReader) throws(FileError) -> LowRankAdapter? {
        guard let value = config.value(adapterKey) else { return nil }
        do {
            let adapter = try JSONDecoder().decode(LowRankAdapter.self, from: Data(value.text.utf8))
            try adapter.validate()
            return adapter
        } catch {
            throw config.failure(
                "\(adapterKey) is not as a checkpoint has it: it was changed, or is of a later version")
        }
    }

    /// Puts the entry there, or takes it away.
    func writeAdapter(into entries: inout [String: JSONValue]) {
        entries[Self.adapterKey] = nil
        // It is a struct of numbers and names.
        guard let adapter, let data = try? JSONEncoder().encode(adapter),
            let value = try? data.withUnsafeBytes({ try JSONValue(parsing: $0) })
        else { return }
        entries[Self.adapterKey] = value
    }
}
