import ArgumentParser
import Testing
import Training

@testable import Cluster
@testable import shoal

/// A table with an option that the program does not have: one line declares it.
private enum ToySelection: RunOptionSelection {
    static let table = RunOptionTable(RunOptionTable.standard.options + [toy])
    static let toy = RunOption(
        .learning, "toy_pace", \.microBatches, "count", "Toys a step", allowed: .range(2...9), aliases: "pace")
    static let options = [toy]
}

private struct ToyCommand: ParsableCommand {
    @OptionGroup(title: "Toys") var toys: RunOptionArguments<ToySelection>
}

struct RunOptionTableTests {
    private func toy(_ arguments: [String]) throws -> RunOptions {
        try #require(ToyCommand.parseAsRoot(arguments) as? ToyCommand).toys.given
    }

    /// With what a run needs besides.
    private func complete(_ options: RunOptions) -> RunOptions {
        var options = options
        (options.model, options.train, options.output) = ("m", "t.csv", "o")
        return options
    }

    @Test func `an option that is declared is on the command line`() throws {
        #expect(try toy(["--toy-pace", "5"])["toy_pace"] == .integer(5))
        #expect(try toy([])["toy_pace"] == nil)
        // A negative number is a value, and not another option.
        #expect(try toy(["--toy-pace", "-5"])["toy_pace"] == .integer(-5))
        do {
            _ = try toy(["--toy-pace", "much"])
            Issue.record("accepted")
        } catch {
            #expect(ToyCommand.exitCode(for: error).rawValue == 64)
            #expect(ToyCommand.message(for: error).contains("The value 'much' is invalid for '--toy-pace <count>'"))
        }
    }

    @Test func `an option that is declared is in the help, with its default`() {
        let help = ToyCommand.helpMessage(columns: 100)
        #expect(help.contains("TOYS:\n  --toy-pace <count>      Toys a step (default: 8).\n"), "\(help)")
    }

    @Test func `an option that is declared is read from YAML, by its name and not by another`() throws {
        let table = ToySelection.table
        #expect(try RunOptions(yaml: "toy_pace: 7", path: "c.yaml", table: table)["toy_pace"] == .integer(7))
        for (yaml, message) in [
            ("toy_pace: much", "c.yaml:1: toy_pace is \"much\", but must be a whole number"),
            ("toy_pacs: 3", "c.yaml:1: unknown option \"toy_pacs\", did you mean \"toy_pace\"?"),
            ("pace: 3", "c.yaml:1: unknown option \"pace\", did you mean \"toy_pace\"?"),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try RunOptions(yaml: yaml, path: "c.yaml", table: table)
            }
            #expect(error?.description == message)
        }
        #expect(throws: ConfigurationError.self) { try RunOptions(yaml: "toy_pace: 7", path: "c.yaml") }
    }

    @Test func `an option that is declared reaches the configuration, checked, and run yaml`() throws {
        let run = try RunConfiguration(options: complete(toy(["--toy-pace", "5"])))
        #expect(run.microBatches == 5)
        #expect(run.options(of: ToySelection.table).yaml().hasSuffix("\ntoy_pace: 5\n"))
        let error = #expect(throws: ConfigurationError.self) {
            try RunConfiguration(options: complete(toy(["--toy-pace", "10"])))
        }
        #expect(error?.description == "--toy-pace is 10, but must be 2 to 9")
    }

    @Test func `no two options have the same key or property`() {
        let options = RunOptionTable.standard.options
        #expect(Set(options.map(\.key)).count == options.count)
        for option in options {
            #expect(options.filter { $0.path == option.path }.map(\.key) == [option.key])
            #expect(option.kind == .flag || !option.valueName.isEmpty, "\(option.key)")
            #expect(option.help.hasSuffix("."), "\(option.key)")
        }
    }

    @Test(arguments: ["train", "coordinator"])
    func `every option of a run is taken by the commands that begin one`(command: String) throws {
        let type = try #require(
            Shoal.configuration.subcommands.first { $0.configuration.commandName == command })
        let known = Set(UnknownOption.options(of: type))
        for option in RunOptionTable.standard.options {
            let isTaken =
                switch option.group {
                case .access: command == "coordinator"
                case .localWorkers: command == "train"
                default: true
                }
            #expect(known.contains(option.name) == isTaken, "--\(option.name)")
        }
    }
}
