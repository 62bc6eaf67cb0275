import Corpus
import Foundation
import Support

/// What the options `labels` and `label_description` say that the classes are called or about.
struct ClassDescriptions: Sendable {
    /// Texts, each with the number of its class; first those of the file.
    private(set) var texts: [(text: String, label: Int)] = []

    /// Reads the file, and the options.
    ///
    /// - Parameter labels: The classes.
    /// - Throws: An error that names the file with the line, or the option, and says what to do.
    init(_ run: RunConfiguration, labels: [String]) throws {
        if let path = run.labels { try read(path, labels) }
        for text in run.labelDescriptions ?? [] { try add(text, labels) }
    }

    /// The texts; nil for none.
    var given: [(text: String, label: Int)]? { texts.isEmpty ? nil : texts }

    /// With the name of each class that has no description, in which spaces stand for underscores.
    func orNames(_ labels: [String]) -> ClassDescriptions {
        let described = Set(texts.map(\.label))
        var result = self
        for (number, label) in labels.enumerated() where !described.contains(number) {
            result.texts.append((label.replacing("_", with: " "), number))
        }
        return result
    }

    private mutating func read(_ path: String, _ labels: [String]) throws(FileError) {
        var found: [(text: String, label: Int)] = []
        let numbers = Dictionary(labels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        try DatasetReader.forEach(path, options: .init()) { record throws(FileError) in
            guard case .text(let label)? = record.label else {
                throw FileError(path, line: record.line, "has several labels; give a label and a text in each line")
            }
            guard let number = numbers[label] else {
                throw FileError(
                    path, line: record.line,
                    "describes \(quoted(label)), which is no class of the training set (\(Self.known(labels))); leave "
                        + "it out, or spell it as there")
            }
            found.append((record.text, number))
        }
        guard !found.isEmpty else {
            throw FileError(path, "has no description; give at least one, or leave out --labels")
        }
        texts += found
    }

    /// Adds `label=description`. A label may have a `=` itself.
    private mutating func add(_ text: String, _ labels: [String]) throws(ConfigurationError) {
        func refusal(_ need: String) -> ConfigurationError { .invalid("label-description", value: text, need: need) }
        guard let equals = text.firstIndex(of: "=") else {
            throw refusal("LABEL=DESCRIPTION, such as spam=\"advertisements that nobody asked for\"")
        }
        let meant = labels.enumerated().filter { text.hasPrefix($1 + "=") }.max { $0.element.count < $1.element.count }
        guard let (number, label) = meant else {
            throw refusal(
                "of a class of the training set (\(Self.known(labels))); \(quoted(String(text[..<equals]))) is none")
        }
        let description = text.dropFirst(label.count + 1).trimmingCharacters(in: .whitespaces)
        guard !description.isEmpty else { throw refusal("a description behind the =") }
        texts.append((description, number))
    }

    private static func known(_ labels: [String]) -> String {
        labels.prefix(8).map { $0.printable(limit: 30) }.joined(separator: ", ") + (labels.count > 8 ? ", …" : "")
    }
}
