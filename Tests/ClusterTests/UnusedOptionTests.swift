import Foundation
import Testing
import Training

@testable import Cluster

/// Options that are given and have no effect.
struct UnusedOptionTests {
    private func unused(_ yaml: String) throws -> UnusedOption? { try RunOptions(yaml: yaml, path: "c.yaml").unused }

    @Test(arguments: [
        ("momentum: 0.5", "momentum"), ("nesterov: true", "nesterov"), ("optimizer: sgd\nbeta1: 0.9", "beta1"),
        ("optimizer: sgd\nepsilon: 1e-8", "epsilon"), ("patience: 1", "patience"),
        ("schedule: constant\nfactor: 0.5", "factor"), ("schedule: cosine\nthreshold: 0", "threshold"),
        ("cooldown: 0", "cooldown"), ("min_learning_rate: 0", "min_learning_rate"), ("keep: best", "keep"),
    ]) func `each is named`(yaml: String, key: String) throws {
        #expect(try unused(yaml)?.key == key)
    }

    @Test(arguments: [
        "beta1: 0.8", "optimizer: sgd\nmomentum: 0.5\nnesterov: true", "nesterov: false",
        "schedule: plateau\npatience: 1\nmin_learning_rate: 1e-6", "keep: best\nvalidation: v.csv", "keep: last",
        "schedule: constant\nwarmup: 5", "optimizer: sgd\nweight_decay: 0.1",
    ]) func `what has an effect is not`(yaml: String) throws {
        #expect(try unused(yaml) == nil)
    }

    @Test func `one of a file is named with the file, one of the command line as given there`() throws {
        let file = NSTemporaryDirectory() + "shoal-\(UUID()).yaml"
        try Data("model: m\ntrain: t.csv\noutput: o\nmomentum: 0.5\n".utf8).write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        func message(_ options: RunOptions) -> String {
            do throws(ConfigurationError) {
                _ = try RunConfiguration.resolve(options, file: file)
                return ""
            } catch { return error.description }
        }
        #expect(message(RunOptions()).hasPrefix("\(file): momentum belongs to the optimizer sgd"))
        var options = RunOptions()
        options.momentum = 0.25
        #expect(message(options).hasPrefix("--momentum belongs to the optimizer sgd"))
        options = RunOptions()
        options.optimizer = .sgd
        #expect(message(options) == "")
    }

    @Test(arguments: OptimizerName.allCases, [ScheduleKind.plateau, .linear])
    func `another optimizer or schedule on the command line replaces the settings of a run's file`(
        optimizer: OptimizerName, schedule: ScheduleKind
    ) throws {
        var options = RunOptions()
        (options.model, options.train, options.output) = ("m", "t.csv", "out")
        (options.optimizer, options.schedule) = (optimizer, schedule)
        let file = try RunOptions(yaml: RunConfiguration(options: options).yaml(), path: "run.yaml")
        var other = RunOptions()
        other.optimizer = optimizer == .sgd ? .adamw : .sgd
        other.schedule = schedule == .linear ? .plateau : .linear
        let run = try RunConfiguration(options: other.merged(over: file))
        #expect(run.optimizer == other.optimizer && run.schedule == other.schedule)
        // What resume does.
        var longer = RunOptions()
        longer.epochs = 9
        #expect(try RunConfiguration(options: longer.merged(over: file)).epochs == 9)
    }
}
