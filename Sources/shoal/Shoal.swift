import ArgumentParser
import Dispatch
import Support

/// The program: its subcommands, and how it ends.
@main
struct Shoal: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "shoal",
        abstract: "Fine-tunes pretrained transformers for text classification on the CPUs at hand.",
        discussion: """
            A first run: `shoal fetch all-MiniLM-L6-v2` and `shoal fetch reuters-r8` print the folders of a model and of \
            data; then `shoal train --model DIR --train DIR/train.csv --test DIR/test.csv --output runs/first --workers 2`.
            """,
        version: "shoal \(version)",
        subcommands: [
            Train.self, Resume.self, CoordinatorCommand.self, WorkerCommand.self, Keygen.self, Status.self,
            Evaluate.self, Predict.self, Tokenize.self, Fetch.self, Benchmark.self,
        ])

    /// Waits in the main thread for a task that runs the command. An asynchronous `main` would end the main thread and go on
    /// without it, which Valgrind does not survive.
    static func main() {
        ResourceProbe.ensureStacks()
        do throws(ResourceLimitError) {
            // Where they cannot be had, Dispatch would wait for ever.
            try ResourceProbe.threads(ResourceProbe.runtimeThreads, for: "shoal")
            try ResourceProbe.files(8, for: "shoal")
            // Where less is left of a limited address space, the runtime waits, or ends without a word.
            try ResourceProbe.memory(128 << 20, for: "shoal")
        } catch {
            Ending(error).exit()
        }
        let ended = DispatchSemaphore(value: 0)
        Task.detached {
            await run()
            ended.signal()
        }
        ended.wait()
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
            Ending(error).exit()
        }
    }
}
