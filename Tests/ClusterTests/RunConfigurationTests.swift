import Support
import Testing
import Training

@testable import Cluster

@Suite struct RunConfigurationTests {
    private func minimal() -> RunOptions {
        var options = RunOptions()
        (options.model, options.train, options.output) = ("m", "t.csv", "out")
        return options
    }

    @Test func `defaults are filled in`() throws {
        let run = try RunConfiguration.resolve(minimal())
        #expect(run.epochs == 3)
        #expect(run.steps == nil)
        #expect(run.microBatches == 8)
        #expect(run.clipNorm == 1)
        #expect(run.dropout == nil)
        #expect(run.hyperparameters == Hyperparameters())
    }

    @Test func `what helps a run that waits is what it does not do yet`() throws {
        var options = minimal()
        options.workers = 2
        #expect(
            try RunConfiguration.resolve(options).remediesForWaiting.map { $0.prefix { $0 != "(" } }
                == ["--compress-wire ", "--micro-batches 2 ", "--wire bf16 "])
        (options.compressWire, options.microBatches, options.wire) = (true, 2, "bf16")
        #expect(try RunConfiguration.resolve(options).remediesForWaiting.isEmpty)
        // A worker alone waits for no other.
        #expect(try RunConfiguration.resolve(minimal()).remediesForWaiting.isEmpty)
    }

    @Test func `options win over the file`() throws {
        var file = try RunOptions(yaml: "batch_size: 64\nlearning_rate: 1e-4\nworkers: 2\n", path: "c.yaml")
        (file.model, file.train, file.output) = ("m", "t.csv", "out")
        var options = RunOptions()
        options.batchSize = 16
        let run = try RunConfiguration(options: options.merged(over: file))
        #expect(run.batchSize == 16)
        #expect(run.learningRate == 1e-4)
        #expect(run.workers == 2)
    }

    @Test func `steps of the upper layer replace epochs of the lower`() throws {
        let file = try RunOptions(yaml: "epochs: 7", path: "c.yaml")
        var options = minimal()
        options.steps = 5
        let run = try RunConfiguration(options: options.merged(over: file))
        #expect(run.steps == 5)
        #expect(run.epochs == nil)
    }

    @Test func `epochs and steps together are refused`() {
        var options = minimal()
        options.steps = 5
        options.epochs = 2
        #expect(throws: ConfigurationError.conflict("epochs", "steps")) { try RunConfiguration.resolve(options) }
    }

    @Test(arguments: ["adamw", "sgd"], ["plateau", "linear"])
    func `the resolved configuration is read back as itself`(_ optimizer: String, _ schedule: String) throws {
        var options = minimal()
        options.optimizer = optimizer
        options.schedule = schedule
        options.clipNorm = 0
        options.dropout = 0.25
        options.textColumn = "true"
        options.labelColumn = "a: b # c"
        options.warmup = "12"
        options.seed = .max
        let run = try RunConfiguration.resolve(options)
        let again = try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml"))
        #expect(again == run)
        #expect(again.clipNorm == nil)
        #expect(again.warmup == .steps(12))
    }

    @Test(arguments: [
        ("batch_sizes: 3", "c.yaml:1: unknown option \"batch_sizes\", did you mean \"batch_size\"?"),
        ("workers: 1\nbatch-size: 3", "c.yaml:2: unknown option \"batch-size\", did you mean \"batch_size\"?"),
        ("lr: 1", "c.yaml:1: unknown option \"lr\", did you mean \"learning_rate\"?"),
        ("learning_rat: 1", "c.yaml:1: unknown option \"learning_rat\", did you mean \"learning_rate\"?"),
        (
            "per_device_train_batch_size: 8",
            "c.yaml:1: unknown option \"per_device_train_batch_size\", did you mean \"batch_size\"?"
        ),
        ("colour: red", "c.yaml:1: unknown option \"colour\""),
        ("workers: two", "c.yaml:1: workers is \"two\", but must be a whole number"),
        ("workers: [1]", "c.yaml:1: workers is a list or a mapping, but must be a whole number"),
        ("learning_rate: .nan", "c.yaml:1: learning_rate is \".nan\", but must be a number"),
        ("workers: 1\nworkers: 2", "c.yaml: given twice: workers"),
        ("- 1", "c.yaml:1: expected lines such as `batch_size: 32`"),
    ])
    func `a bad file is refused by line and name`(_ yaml: String, _ message: String) {
        do {
            _ = try RunOptions(yaml: yaml, path: "c.yaml")
            Issue.record("accepted: \(yaml)")
        } catch {
            #expect(error.description == message)
        }
    }

    @Test func `a tilde in any path of YAML is the home folder`() throws {
        let yaml = "model: ~/m\ntrain: ~/t.csv\nvalidation: ~/v.csv\ntest: ~/e.csv\noutput: ~/out\nkeys: ~/keys\n"
        let run = try RunConfiguration(options: RunOptions(yaml: yaml, path: "c.yaml"))
        let home = try UserPath.expand("~")
        #expect(home.hasPrefix("/"))
        #expect(
            [run.model, run.train, run.validation, run.test, run.output, run.keys]
                == ["m", "t.csv", "v.csv", "e.csv", "out", "keys"].map { "\(home)/\($0)" })
    }

    @Test func `a user that there is not is refused by the option's name`() {
        var options = minimal()
        options.train = "~no-such-user/t.csv"
        do {
            _ = try RunConfiguration.resolve(options)
            Issue.record("accepted")
        } catch {
            #expect(error.description.hasPrefix("--train is ~no-such-user/t.csv, but must be a path: there is no user"))
        }
    }

    @Test func `every alias leads to an option that there is`() {
        let known = Set(RunOptions.fields.map { $0.key.replacing("_", with: "-") } + ["config"])
        for (alias, name) in OptionAliases.names {
            #expect(known.contains(name), "\(alias) leads to \(name)")
            #expect(alias == alias.lowercased().filter { $0.isLetter || $0.isNumber }, "\(alias) is never found")
            #expect(!known.contains(alias), "\(alias) is an option")
        }
    }

    @Test func `text that is no YAML is refused`() {
        #expect(throws: ConfigurationError.self) { try RunOptions(yaml: "a: [1, ", path: "c.yaml") }
        #expect(throws: ConfigurationError.self) { try RunOptions(yamlFile: "/nowhere/c.yaml") }
    }

    @Test func `an empty file gives nothing`() throws {
        #expect(try RunOptions(yaml: "", path: "c") == RunOptions())
        #expect(try RunOptions(yaml: "# nothing\n", path: "c") == RunOptions())
    }

    @Test(
        arguments: [
            ("workers", \RunOptions.workers, 0), ("workers", \.workers, 9), ("batch-size", \.batchSize, -1),
            ("micro-batches", \.microBatches, 0), ("max-length", \.maxLength, 2), ("epochs", \.epochs, 0),
            ("steps", \.steps, 0), ("shots", \.shots, 0), ("threads-per-worker", \.threadsPerWorker, 0),
        ] as [(String, WritableKeyPath<RunOptions, Int?> & Sendable, Int)])
    func `a number out of range is refused by name`(
        _ name: String, _ path: WritableKeyPath<RunOptions, Int?> & Sendable, _ value: Int
    ) {
        var options = minimal()
        options[keyPath: path] = value
        do {
            _ = try RunConfiguration.resolve(options)
            Issue.record("accepted --\(name) \(value)")
        } catch {
            #expect(error.description.hasPrefix("--\(name) is \(value)"))
        }
    }

    @Test func `what training refuses is refused here`() {
        var options = minimal()
        options.learningRate = -1
        #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
        options.learningRate = nil
        options.labelSmoothing = 1
        #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
        options.labelSmoothing = nil
        options.schedule = "square"
        #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
        options.schedule = nil
        options.warmup = "soon"
        #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
    }

    @Test func `what is missing is named`() {
        #expect(throws: ConfigurationError.missingOption("model", what: "the folder of a model")) {
            try RunConfiguration.resolve(RunOptions())
        }
    }
}
