import ArgumentParser
import Dispatch
import Foundation
import Support

/// The program: its subcommands, and how it ends.
@main
struct Shoal: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "shoal",
        abstract: "Fine-tunes and pretrains transformer encoders on the CPUs at hand.",
        discussion: """
            A first run: `\(CommandName.current) fetch all-MiniLM-L6-v2` and `\(CommandName.current) fetch reuters-r8` print \
            the folders of a model and of data; then `\(CommandName.current) train --model DIR --train DIR/train.csv --test \
            DIR/test.csv --output runs/first --workers 2`.

            Exit codes:
            \(ExitCodes.table)
            """,
        version: "shoal \(version)",
        subcommands: [
            Train.self, Pretrain.self, Resume.self, Stop.self, Status.self, CoordinatorCommand.self, WorkerCommand.self,
            Keygen.self, Evaluate.self, Predict.self, Suggest.self, Embed.self, Merge.self, Tokenize.self, Fetch.self,
            ConfigCommand.self, Benchmark.self,
        ])

    /// Waits in the main thread for a task that runs the command. An asynchronous `main` would end the main thread and
    /// go on without it, which Valgrind does not survive.
    static func main() {
        nameCommand()
        ResourceProbe.ensureStacks()
        do throws(ResourceLimitError) {
            // Where they cannot be had, Dispatch would wait for ever.
            try ResourceProbe.threads(ResourceProbe.runtimeThreads, for: "shoal")
            try ResourceProbe.files(8, for: "shoal")
            // Where less is left of a limited address space, the runtime waits, or ends without a word.
            try ResourceProbe.memory(128 << 20, for: "shoal")
        } catch {
            ExitStatus(error).exit()
        }
        let ended = DispatchSemaphore(value: 0)
        Task.detached {
            await run()
            ended.signal()
        }
        ended.wait()
    }

    /// Settles what the program is called in the commands that it prints: as it was called, or what `launch.sh` was
    /// called.
    private static func nameCommand() {
        let given = ProcessInfo.processInfo.environment["SHOAL_COMMAND"] ?? ""
        let name = given.isEmpty ? CommandLine.arguments.first ?? "shoal" : given
        CommandName.current = shellQuoted(name.printable(limit: 1000))
        // Workers that are started here suggest the same.
        setenv("SHOAL_COMMAND", name, 0)
    }

    private static func run() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            ExitStatus(error).exit()
        }
    }
}
