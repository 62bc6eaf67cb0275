import ArgumentParser
import Foundation
import Support
import Testing

@testable import shoal

/// The commands that the documentation shows, and what is said of command lines that are wrong.
struct CommandLineTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The pages of the repository whose commands must be right.
    private static let pages: [String] = {
        let docs = (try? FileManager.default.contentsOfDirectory(atPath: root.path + "/docs")) ?? []
        return ["README.md", "cluster/README.md", "cluster/kubernetes/README.md"]
            + docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }()

    private static func text(_ page: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(page), encoding: .utf8)
    }

    @Test(arguments: pages) func `every command that a page shows is understood`(page: String) throws {
        for command in ShownCommands.find(in: try Self.text(page)) {
            do {
                _ = try Shoal.parseAsRoot(command.arguments)
            } catch {
                // In a sentence, a command stands without what it is about.
                let message = Shoal.message(for: error)
                if Shoal.exitCode(for: error) == .success || command.isInline && message.hasPrefix("Missing ") {
                    continue
                }
                Issue.record("\(page): \(command.line): \(message)")
            }
        }
    }

    @Test func `the commands of the README are found`() throws {
        let commands = ShownCommands.find(in: try Self.text("README.md"))
        #expect(Set(commands.compactMap(\.arguments.first)).isSuperset(of: ["train", "predict", "fetch", "resume"]))
        #expect(commands.contains { $0.arguments.contains("--train") && $0.arguments.contains("--output") })
    }

    @Test func `an option that a page shows and that there is not is found`() throws {
        let page = "    $ X=1 ./launch.sh train --epochs 3 \\\n        --learning-rat 1e-4   # a comment\n"
        let command = try #require(ShownCommands.find(in: page).first)
        #expect(command.arguments == ["train", "--epochs", "3", "--learning-rat", "1e-4"])
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(command.arguments) }
    }

    @Test(arguments: [
        ("lr", "learning-rate"), ("num-train-epochs", "epochs"), ("per-device-train-batch-size", "batch-size"),
        ("warmup-steps", "warmup"), ("bs", "batch-size"), ("wir", "wire"), ("thread-per-worker", "threads-per-worker"),
        ("output_dir", "output"), ("max_seq_length", "max-length"), ("random-seed", "seed"),
    ])
    func `an option by another trainer's name suggests this one's`(given: String, meant: String) {
        let message = UnknownOption.suggesting(
            in: "Unknown option '--\(given)'. Did you mean '--x'?", command: Train.self)
        #expect(message == "Unknown option '--\(given)'. Did you mean '--\(meant)'?")
    }

    @Test func `a far option is not suggested, and none that the command has not`() {
        #expect(
            UnknownOption.suggesting(in: "Unknown option '--lr'. Did you mean '--model'?", command: Predict.self)
                == "Unknown option '--lr'")
        #expect(
            UnknownOption.unknownCommand(["shoal", "trian"]) == "there is no command 'trian', did you mean 'train'?")
        #expect(UnknownOption.unknownCommand(["shoal", "eval"])?.contains("'evaluate'") == true)
        #expect(
            UnknownOption.unknownCommand(["shoal", "frobnicate"])?.contains(": there are train, pretrain, resume")
                == true)
        #expect(UnknownOption.unknownCommand(["shoal", "train"]) == nil)
        #expect(UnknownOption.unknownCommand(["shoal"]) == nil)
        #expect(UnknownOption.unknownCommand(["shoal", "--version"]) == nil)
    }

    @Test func `a value that cannot be read is refused with what it must be`() {
        func message(_ arguments: String...) -> String {
            do {
                _ = try Shoal.parseAsRoot(arguments)
                return "accepted"
            } catch { return UnknownOption.suggesting(in: Shoal.message(for: error), command: Train.self) }
        }
        #expect(message("train", "--epochs", "two").hasSuffix("'--epochs <count>': it must be a whole number"))
        #expect(
            message("train", "--seed", "-1").hasSuffix("'--seed <number>': it must be a whole number of at least 0"))
        #expect(message("train", "--learning-rate", "1,5").contains(": it must be a number, such as 3 or 0.5 or 1e-4"))
        #expect(message("train", "--train", "~no-such-user/x").contains("there is no user no-such-user"))
    }

    @Test(arguments: [
        "epochs", "steps", "batch-size", "micro-batches", "learning-rate", "weight-decay", "beta1", "beta2", "epsilon",
        "momentum", "clip-norm", "dropout", "layer-decay", "label-smoothing", "warmup", "patience", "factor",
        "threshold", "cooldown",
        "min-learning-rate", "shots", "max-length", "workers", "min-workers", "max-restarts", "heartbeat-timeout",
        "join-timeout", "orphan-timeout", "checkpoint-every", "checkpoint-minutes", "keep-checkpoints",
        "threads-per-worker",
    ])
    func `a negative number is refused by the option's name, as out of range`(option: String) throws {
        var arguments = ["train", "--model", "m", "--train", "t", "--output", "o", "--\(option)", "-1"]
        if option == "momentum" { arguments += ["--optimizer", "sgd"] }
        if ["patience", "factor", "threshold", "cooldown", "min-learning-rate"].contains(option) {
            arguments += ["--schedule", "plateau"]
        }
        let command = try #require(try Shoal.parseAsRoot(arguments) as? Train)
        do {
            _ = try command.run.resolve(command.local.given)
            Issue.record("--\(option) -1 was accepted")
        } catch {
            #expect("\(error)".hasPrefix("--\(option) is -1"), "\(error)")
            #expect(ExitStatus(error).code == 64)
        }
    }

    @Test(arguments: [
        (["--momentum", "0.5"], "--momentum belongs to the optimizer sgd and has no effect with adamw"),
        (["--nesterov"], "--nesterov belongs to the optimizer sgd"),
        (
            ["--optimizer", "sgd", "--beta2", "0.9"],
            "--beta2 belongs to the optimizer adamw and has no effect with sgd"
        ),
        (["--patience", "2"], "--patience belongs to the schedule plateau and has no effect with linear"),
        (["--schedule", "cosine", "--min-learning-rate", "0"], "--min-learning-rate belongs to the schedule plateau"),
        (["--keep", "best"], "--keep best needs a set to compare states on: give a --validation file"),
    ]) func `an option without effect is refused`(options: [String], message: String) throws {
        let arguments = ["train", "--model", "m", "--train", "t", "--output", "o"] + options
        let command = try #require(try Shoal.parseAsRoot(arguments) as? Train)
        do {
            _ = try command.run.resolve(command.local.given)
            Issue.record("\(options) was accepted")
        } catch {
            #expect("\(error)".hasPrefix(message), "\(error)")
            #expect(ExitStatus(error).code == 64)
        }
    }

    @Test func `keys are for endpoints alone when a status is asked for`() {
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(["status", "runs/a", "--keys", "k"]) }
        #expect(throws: Never.self) { try Shoal.parseAsRoot(["status", "tcp://h:1", "--keys", "k"]) }
    }

    @Test func `a text may begin with a dash`() throws {
        let command = try #require(
            try Shoal.parseAsRoot(["predict", "--model", "m", "--text", "- not good", "--text", "--worse"]) as? Predict)
        #expect(command.text == ["- not good", "--worse"])
    }

    @Test func `a tilde is expanded in all options and arguments that are paths`() throws {
        let home = try UserPath.expand("~")
        let train = try #require(
            try Shoal.parseAsRoot([
                "train", "--model", "~/m", "--train=~/t", "--validation", "~/v", "--test", "~/e", "--output", "~/o",
            ]) as? Train)
        let run = try train.run.resolve(train.local.given)
        #expect(
            [run.model, run.train, run.validation, run.test, run.output]
                == ["m", "t", "v", "e", "o"].map { "\(home)/\($0)" })
        let worker = try Shoal.parseAsRoot(["worker", "--coordinator", "ipc://x", "--keys", "~/k"]) as? WorkerCommand
        #expect(worker?.keys == "\(home)/k")
        #expect((try Shoal.parseAsRoot(["resume", "~/r", "--keys", "~/k"]) as? Resume)?.run.path == "\(home)/r")
        #expect((try Shoal.parseAsRoot(["stop", "~/r"]) as? Stop)?.run.path == "\(home)/r")
        #expect((try Shoal.parseAsRoot(["status", "~/r"]) as? Status)?.run.path == "\(home)/r")
        #expect((try Shoal.parseAsRoot(["keygen", "~/k"]) as? Keygen)?.directory == "\(home)/k")
        let evaluate = try Shoal.parseAsRoot(["evaluate", "--model", "~/m", "--data", "~/d"]) as? Evaluate
        #expect([evaluate?.model, evaluate?.data] == ["\(home)/m", "\(home)/d"])
        let predict = try Shoal.parseAsRoot(["predict", "--model", "~/m", "~/f"]) as? Predict
        #expect([predict?.model, predict?.file] == ["\(home)/m", "\(home)/f"])
    }

    @Test func `the exit codes of the help and of the page are the same`() throws {
        let page = try Self.text("docs/exit-codes.md")
        for (code, meaning) in ExitCodes.meanings {
            #expect(page.contains("| \(code) | \(meaning)"), "\(code)")
        }
    }
}
