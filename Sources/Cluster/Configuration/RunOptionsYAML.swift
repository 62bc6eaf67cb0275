import Foundation
import Support
import Yams

extension RunOptions {
    /// The greatest configuration file that is read.
    static let maxFileBytes = 1 << 20

    /// Reads a YAML file of options.
    ///
    /// - Throws: ``ConfigurationError`` with the file, the line and the key: unknown keys, twice the same, wrong kinds.
    public init(yamlFile path: String) throws(ConfigurationError) {
        let data: Data
        do throws(RegularFile.Problem) {
            data = try RegularFile.read(path, limit: Self.maxFileBytes)
        } catch { throw .file(path: path, line: 0, reason: "cannot be used as a configuration file: \(error.reason)") }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .file(path: path, line: 0, reason: "not UTF-8")
        }
        try self.init(yaml: text, path: path)
    }

    /// Reads YAML text; `path` is for messages.
    public init(yaml text: String, path: String) throws(ConfigurationError) {
        try self.init(yaml: text, path: path, table: .standard)
    }

    /// Reads YAML text of the options of `table`.
    init(yaml text: String, path: String, table: RunOptionTable) throws(ConfigurationError) {
        self.init(table: table)
        try YAMLGuard.check(text, path: path)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Self.syntaxError(error, path: path)
        } catch {
            throw .file(path: path, line: 0, reason: "not YAML")
        }
        guard let root, root.null == nil || root.mapping != nil else { return }
        guard let mapping = root.mapping else {
            throw .file(path: path, line: root.mark?.line ?? 1, reason: "expected lines such as `batch_size: 32`")
        }
        for (keyNode, value) in mapping {
            let line = keyNode.mark?.line ?? 0
            let key = keyNode.scalar?.string ?? "?"
            guard let option = table.option(key) else {
                throw .file(
                    path: path, line: line, reason: "unknown option \"\(key.printable(limit: 80))\"\(hint(key))")
            }
            if value.null != nil, value.tag == Tag(.null) { continue }
            guard let given = option.kind.read(value) else {
                let text = value.scalar.map { "\"\($0.string.printable(limit: 100))\"" } ?? "a list or a mapping"
                throw .file(path: path, line: line, reason: "\(key) is \(text), but must be \(option.kind.need)")
            }
            self[key] = given
        }
        if self.epochs != nil, self.steps != nil {
            throw .file(path: path, line: 0, reason: "epochs and steps exclude each other: give one of them")
        }
    }

    /// YAML text with one line per option that is given.
    public func yaml() -> String {
        let pairs = table.options.compactMap { option in self[option.key].map { (Node(option.key), $0.node) } }
        let text = try? Yams.serialize(node: Node(pairs), width: -1, allowUnicode: true)
        return text ?? ""
    }

    private static func syntaxError(_ error: YamlError, path: String) -> ConfigurationError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            .file(path: path, line: mark.line, reason: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, _):
            .file(
                path: path, line: 0,
                reason: "given twice: \(duplicates.joined(separator: ", ").printable())")
        default: .file(path: path, line: 0, reason: "not YAML")
        }
    }

    /// The option that was probably meant, if there is one.
    private func hint(_ key: String) -> String {
        let match = NameSuggestion.nearest(to: key, among: table.options.map(\.key), aliases: table.aliases)
        return match.map { ", did you mean \"\($0)\"?" } ?? ""
    }
}
