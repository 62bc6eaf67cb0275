import ArgumentParser
import Cluster
import Support

/// A better word about an option that there is not than the parser's: its own suggestion goes by letters alone, and may
/// be far off.
enum UnknownOption {
    /// The parser's message, with another suggestion where it is about an unknown option.
    ///
    /// - Parameters:
    ///   - message: What the parser says.
    ///   - command: The command whose options there are.
    static func suggesting(in message: String, command: any ParsableCommand.Type) -> String {
        if message.hasPrefix("The value '") { return message + need(message) }
        let beginning = "Unknown option '"
        guard message.hasPrefix(beginning),
            let end = message.dropFirst(beginning.count).firstIndex(of: "'")
        else { return message }
        let given = String(message[message.index(message.startIndex, offsetBy: beginning.count)..<end])
        let name = given.prefix { $0 != "=" }
        let head = "\(beginning)\(given)'"
        if let other = commands(with: String(name)).first { return "\(head): it is an option of \(other)" }
        let near = NameSuggestion.nearest(
            to: String(name), among: options(of: command), aliases: RunOptionTable.standard.aliases)
        return near.map { "\(head). Did you mean '--\($0)'?" } ?? head
    }

    /// The commands that have an option of this name.
    private static func commands(with name: String) -> [String] {
        let option = name.trimmingPrefix("--")
        guard RunOptionTable.standard.options.contains(where: { $0.name == option }) else { return [] }
        return Shoal.configuration.subcommands.filter { options(of: $0).contains(String(option)) }
            .compactMap { $0.configuration.commandName }
    }

    /// What a value that cannot be read must be, by what the help calls it: to follow the parser's message, which does
    /// not say it.
    private static func need(_ message: String) -> String {
        guard !message.contains("': "), let match = message.firstMatch(of: /--([a-z0-9-]+) <([^>]+)>'$/) else {
            return ""
        }
        if match.output.1 == "seed" { return ": it must be a whole number of at least 0" }
        switch match.output.2 {
        case "count", "steps", "tokens", "epochs": return ": it must be a whole number"
        case "rate", "factor", "seconds", "minutes", "share", "number", "gbit/s", "us":
            return ": it must be a number, such as 3 or 0.5 or 1e-4"
        default: return ""
        }
    }

    /// What other programs call the commands of this one.
    private static let commands = [
        "finetune": "train", "fit": "train", "run": "train", "start": "train", "infer": "predict",
        "inference": "predict", "classify": "predict", "eval": "evaluate", "test": "evaluate", "download": "fetch",
        "list": "fetch", "kill": "stop", "cancel": "stop", "end": "stop", "ps": "status", "show": "status",
        "continue": "resume", "restart": "resume", "join": "worker", "server": "coordinator", "bench": "benchmark",
    ]

    /// What is wrong with a command line whose first word is no command; nil where that is not so.
    static func unknownCommand(_ arguments: [String]) -> String? {
        let names = Shoal.configuration.subcommands.compactMap { $0.configuration.commandName }
        guard let given = arguments.dropFirst().first, !given.hasPrefix("-"), !(names + ["help"]).contains(given) else {
            return nil
        }
        let near = NameSuggestion.nearest(to: given, among: names, aliases: commands)
        return "there is no command '\(given.printable(limit: 60))'"
            + (near.map { ", did you mean '\($0)'?" } ?? ": there are \(names.joined(separator: ", "))")
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
