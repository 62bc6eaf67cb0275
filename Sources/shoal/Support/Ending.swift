import ArgumentParser
import Cluster
import Foundation
import Support

/// How the program ends when something was thrown: at most one line, and an exit code.
struct Ending {
    /// What goes to standard output: help and version.
    var output = ""
    /// What goes to standard error, on one line.
    var message = ""
    var code: Int32

    /// What `error` means for the process: 0 after help, 64 where the command line is wrong (EX_USAGE of sysexits.h), 130
    /// after an interrupt, 141 where nobody reads the output any more, else 1.
    init(_ error: any Error) {
        if error is BrokenPipe {
            code = 141
            return
        }
        if let error = error as? RunError {
            code = error.exitCode
            message = Self.line(error.description)
            return
        }
        switch Shoal.exitCode(for: error) {
        case .success:
            code = 0
            output = Shoal.fullMessage(for: error)
        case .validationFailure:
            code = 64
            message = Self.line("\(Shoal.message(for: error)) (see `\(Self.help)`)")
        default:
            code = 1
            // Foundation's own errors describe themselves at length.
            message = Self.line(error is CocoaError ? error.localizedDescription : String(describing: error))
        }
    }

    /// Prints, and ends the process.
    func exit() -> Never {
        if !output.isEmpty { try? StandardOutput.write(Array((output + "\n").utf8)) }
        if !message.isEmpty { StandardError.write("shoal: error: \(message)") }
        Foundation.exit(code)
    }

    /// The command that explains the options of the one that was called.
    private static var help: String {
        let names = Shoal.configuration.subcommands.compactMap { $0.configuration.commandName }
        guard let name = CommandLine.arguments.dropFirst().first, names.contains(name) else { return "shoal --help" }
        return "shoal \(name) --help"
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: " ").printable(limit: 1000)
    }
}
