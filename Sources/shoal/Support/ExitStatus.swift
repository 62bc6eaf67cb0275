import ArgumentParser
import Cluster
import Foundation
import Support
import Training

/// How the program ends when something was thrown: at most one line, and an exit code.
struct ExitStatus {
    /// What goes to standard output: help and version.
    var output = ""
    /// What goes to standard error, on one line.
    var message = ""
    var code: Int32

    /// What `error` means for the process: 0 after help, 64 where the command line is wrong (EX_USAGE of sysexits.h),
    /// 75 where a worker may be started again (EX_TEMPFAIL), 130 after an interrupt, 141 where no program reads the
    /// output any more, else 1. See ``ExitCodes``.
    init(_ error: any Error) {
        if error is BrokenPipe {
            code = 141
            return
        }
        if let exit = error as? ExitCode {
            code = exit.rawValue
            return
        }
        if let error = error as? RunError {
            code = error.exitCode
            message = Self.line(error.description)
            return
        }
        if Self.isUsage(error) {
            code = 64
            message = Self.line("\(error) (see `\(Self.help)`)")
            return
        }
        switch Shoal.exitCode(for: error) {
        case .success:
            code = 0
            output = Shoal.fullMessage(for: error)
        case .validationFailure:
            code = 64
            let text =
                UnknownOption.unknownCommand(CommandLine.arguments)
                ?? UnknownOption.suggesting(in: Shoal.message(for: error), command: Self.command ?? Shoal.self)
            message = Self.line("\(text) (see `\(Self.help)`)")
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

    /// Whether the options are wrong, and not the files, the machine or the peers that they name.
    private static func isUsage(_ error: any Error) -> Bool {
        switch error {
        case let error as ConfigurationError: !error.dependsOnMachine
        case let error as TrainingError: if case .invalidOption = error { true } else { false }
        default: false
        }
    }

    /// The command that was called; nil where that is none.
    private static var command: (any ParsableCommand.Type)? {
        guard let name = CommandLine.arguments.dropFirst().first else { return nil }
        return Shoal.configuration.subcommands.first { $0.configuration.commandName == name }
    }

    /// The command that explains the options of the one that was called.
    private static var help: String {
        let name = CommandName.current
        if let command, let subcommand = command.configuration.commandName { return "\(name) \(subcommand) --help" }
        // The script has a --help of its own.
        return name.hasSuffix("launch.sh") ? "\(name) shoal --help" : "\(name) --help"
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: " ").printable(limit: 1000)
    }
}
