import Foundation

/// The command lines of this program that a page of Markdown shows: in indented blocks and between backticks.
enum ShownCommands {
    struct Command {
        /// As the page has it, on one line.
        var line: String
        /// Whether it stands in a sentence, between backticks.
        var isInline: Bool
        /// What the program would be given.
        var arguments: [String]
    }

    static func find(in page: String) -> [Command] {
        let joined = page.replacing(/\\\n\s*/, with: " ")
        var lines: [(text: String, isInline: Bool)] = []
        for line in joined.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("    ") {
                lines.append((String(line), false))
            } else {
                lines += line.matches(of: /`([^`]+)`/).map { (String($0.output.1), true) }
            }
        }
        return lines.flatMap { commands($0.text, isInline: $0.isInline) }
    }

    /// Those of a line; a command in `$(…)` is one, too.
    private static func commands(_ line: String, isInline: Bool) -> [Command] {
        let pieces = line.replacing("$(", with: "; ").replacing(")", with: " ; ").split(separator: ";")
        return pieces.compactMap { piece in
            guard let arguments = arguments(words(String(piece))) else { return nil }
            return Command(
                line: line.trimmingCharacters(in: .whitespaces), isInline: isInline, arguments: arguments)
        }
    }

    /// What follows the program's name; nil where the words are no command of the program.
    private static func arguments(_ words: [String]) -> [String]? {
        var words = words[...]
        while let first = words.first, first == "$" || first.wholeMatch(of: /[A-Z_]+=\S*/) != nil {
            words.removeFirst()
        }
        guard let program = words.popFirst(), ["./launch.sh", "shoal"].contains(program) else { return nil }
        if program == "./launch.sh" {
            if words.first == "shoal" { words.removeFirst() }
            if words.first == "--hosts" || words.first == "--slurm" {
                guard let dashes = words.firstIndex(of: "--") else { return nil }
                words = words[(dashes + 1)...]
            }
        }
        guard let first = words.first, first.first?.isLowercase == true,
            !(program == "./launch.sh" && ["quickstart", "test", "setup", "help"].contains(first))
        else { return nil }
        // An ellipsis stands for options that were shown before, `a|b` for one of them.
        var arguments: [String] = []
        for word in words {
            // That of an option is as good as any value.
            if word == "…", arguments.last?.hasPrefix("--") != true { continue }
            arguments.append(String(word.prefix { $0 != "|" }))
        }
        return arguments
    }

    /// The words of a shell command up to a comment or a pipe, without quotes.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                (quote, word) = (character, word ?? "")
            } else if character == " " {
                if let word { words.append(word) }
                word = nil
            } else if "#&>".contains(character), word == nil {
                break
            } else if character == "|", word == nil {
                break
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        return words
    }
}
