import ArgumentParser
import Cluster
import Support

/// A better word about an option that there is not than the parser's: its own suggestion goes by letters alone, and may be far
/// off.
enum UnknownOption {
    /// The parser's message, with another suggestion where it is about an unknown option.
    ///
    /// - Parameters:
    ///   - message: What the parser says.
    ///   - command: The command whose options there are.
    static func suggesting(in message: String, command: any ParsableCommand.Type) -> String {
        let beginning = "Unknown option '"
        guard message.hasPrefix(beginning),
            let end = message.dropFirst(beginning.count).firstIndex(of: "'")
        else { return message }
        let given = String(message[message.index(message.startIndex, offsetBy: beginning.count)..<end])
        let name = given.prefix { $0 != "=" }
        let head = "\(beginning)\(given)'"
        let near = NameSuggestion.nearest(
            to: String(name), among: options(of: command), aliases: OptionAliases.names)
        return near.map { "\(head). Did you mean '--\($0)'?" } ?? head
    }

    /// The names of the long options that a command's help lists, without dashes.
    static func options(of command: any ParsableCommand.Type) -> [String] {
        var names: [String] = []
        let help = Shoal.helpMessage(for: command, columns: 200)
        for match in help.matches(of: /--([a-z][a-z0-9-]*)/) {
            let name = String(match.output.1)
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}
