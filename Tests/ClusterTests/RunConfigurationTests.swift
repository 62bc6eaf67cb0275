import Modeling
import Support
import TestSupport
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
            try RunConfiguration.resolve(options).communicationHints.map { $0.prefix { $0 != "(" } }
                == ["--compress-wire ", "--micro-batches 2 ", "--wire bf16 "])
        (options.compressWire, options.microBatches, options.wire) = (true, 2, .bf16)
        #expect(try RunConfiguration.resolve(options).communicationHints.isEmpty)
        // A worker alone waits for no other.
        #expect(try RunConfiguration.resolve(minimal()).communicationHints.isEmpty)
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

    @Test(arguments: OptimizerName.allCases, [ScheduleKind.plateau, .linear])
    func `the resolved configuration is read back as itself`(
        _ optimizer: OptimizerName, _ schedule: ScheduleKind
    ) throws {
        var options = minimal()
        options.optimizer = optimizer
        options.schedule = schedule
        options.clipNorm = 0
        options.dropout = 0.25
        options.textColumn = "true"
        options.labelColumn = "a: b # c"
        options.warmup = .steps(12)
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
        let table = RunOptionTable.standard
        let known = Set(table.options.map(\.name) + ["config"])
        #expect(table.aliases.count == 2 + table.options.map(\.aliases.count).reduce(0, +), "one alias of two options")
        for (alias, name) in table.aliases {
            #expect(known.contains(name), "\(alias) leads to \(name)")
            #expect(alias == alias.lowercased().filter { $0.isLetter || $0.isNumber }, "\(alias) is never found")
            #expect(!known.contains(alias), "\(alias) is an option")
        }
    }

    @Test func `freeze and train_only name parts, and exclude each other`() throws {
        var options = minimal()
        options["freeze"] = .text("embeddings,0-3")
        let run = try RunConfiguration.resolve(options)
        #expect(run.freeze?.parts.count == 6 && run.trainOnly == nil)
        #expect(run.yaml().contains("freeze: embeddings,0-3\n"))
        #expect(try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml")) == run)
        options["train_only"] = .text("head")
        #expect(throws: ConfigurationError.conflict("freeze", "train-only")) { try RunConfiguration.resolve(options) }
        // Of two layers, the upper counts.
        var upper = RunOptions()
        upper["train_only"] = .text("head,5")
        options["train_only"] = nil
        let merged = try RunConfiguration(options: upper.merged(over: options))
        #expect(merged.freeze == nil && merged.trainOnly?.parts == [.head, .layer(5)])
    }

    @Test func `parts that the model does not have are refused by option`() throws {
        let encoder = ModelConfiguration.tiny().encoder
        func message(_ change: (inout RunConfiguration) throws -> Void) rethrows -> String {
            var run = RunConfiguration(model: "m", train: "t.csv", output: "out")
            try change(&run)
            do {
                _ = try run.trainableSet(of: encoder)
                return "accepted"
            } catch { return "\(error)" }
        }
        #expect(
            try message { $0.freeze = try PartSelection("0-7") }
                == "--freeze is 0-7, but must be parts of the model, whose layers are 0 to 1")
        #expect(
            try message { $0.trainOnly = try PartSelection("2") }
                == "--train-only is 2, but must be parts of the model, whose layers are 0 to 1")
        #expect(
            try message { $0.freeze = try PartSelection("head,embeddings,0-1") }
                == "--freeze is head,embeddings,0-1, but must be fewer parts: nothing is left to train")
        #expect(try message { $0.freeze = try PartSelection("embeddings,0") } == "accepted")
    }

    @Test func `the share that is trained is said in few digits`() {
        #expect(
            TrainedShare(all: 22_713_216, trained: 4_100_000).text == "trained: 4.1 of 22.7 million parameters")
        #expect(TrainedShare(all: 22_713_216, trained: 77_448).text == "trained: 0.077 of 22.7 million parameters")
        #expect(TrainedShare(all: 900, trained: 10).text == "trained: 10 of 900 parameters")
    }

    @Test func `lora is read with its settings, and excludes other choices of what is trained`() throws {
        var options = minimal()
        options["lora"] = .text("rank=4,alpha=6,targets=query,value,output.dense,dropout=0.25")
        let run = try RunConfiguration.resolve(options)
        let adapter = try #require(try run.lowRankAdapter(of: BERT.self))
        #expect(adapter.rank == 4 && adapter.scale == 1.5 && adapter.dropout == 0.25)
        #expect(Set(adapter.targets) == [.query, .value, .attentionOutput, .output])
        #expect(try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml")) == run)
        for (key, value) in [("freeze", "0"), ("train_only", "head"), ("adapter", "a")] {
            var both = options
            both[key] = .text(value)
            #expect(throws: ConfigurationError.conflict("lora", RunOption.name(of: key)), "\(key)") {
                try RunConfiguration.resolve(both)
            }
        }
        options["lora"] = .text("rank=16,rslora=true")
        #expect(try RunConfiguration.resolve(options).lowRankAdapter(of: BERT.self)?.scale == 8)
        options["lora"] = .text("targets=tail")
        let error = #expect(throws: ConfigurationError.self) {
            try RunConfiguration.resolve(options).lowRankAdapter(of: BERT.self)
        }
        #expect(error?.description.contains("target \"tail\" is none of query, key, value") == true)
    }

    @Test(arguments: ["", "rank", "rank=x", "rank=0", "rank=4,rank=5", "alpha=-1", "dropout=1", "size=3", "targets="])
    func `lora settings that are none are refused by name`(_ text: String) {
        var options = minimal()
        options["lora"] = .text(text)
        let error = #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
        #expect(error?.description.hasPrefix("--lora is ") == true, "\(error?.description ?? "")")
    }

    @Test func `descriptions of classes are a list in YAML, or one text`() throws {
        var options = minimal()
        options.labelDescriptions = ["spam=advertisements, \"offers\"", "ham: x=all the rest"]
        let run = try RunConfiguration(options: options)
        #expect(try RunOptions(yaml: run.yaml(), path: "c.yaml").labelDescriptions == options.labelDescriptions)
        #expect(try RunOptions(yaml: "label_description: a=b", path: "c.yaml").labelDescriptions == ["a=b"])
        for wrong in ["{a: b}", "[]", "[[a]]"] {
            #expect(throws: ConfigurationError.self) {
                try RunOptions(yaml: "label_description: \(wrong)", path: "c.yaml")
            }
        }
    }

    @Test func `without labelled texts the descriptions are the training set`() throws {
        var options = minimal()
        (options.train, options.shots) = (nil, 0)
        #expect(throws: ConfigurationError.self) { try RunConfiguration(options: options) }
        options.labels = "labels.csv"
        #expect(try RunConfiguration(options: options).train == "labels.csv")
        options.shots = 1
        #expect(throws: ConfigurationError.self) { try RunConfiguration(options: options) }
        for method in [TrainingMethod.finetune, .contrastive] {
            (options.shots, options.method, options.train) = (0, method, "t.csv")
            options.labels = method == .finetune ? nil : "labels.csv"
            #expect(throws: ConfigurationError.self) { try RunConfiguration(options: options) }
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

    @Test(arguments: [
        ("workers", 0), ("workers", 9), ("batch-size", -1), ("micro-batches", 0), ("max-length", 2), ("epochs", 0),
        ("steps", 0), ("shots", -1), ("threads-per-worker", 0), ("min-workers", 2),
    ])
    func `a number out of range is refused by name`(_ name: String, _ value: Int) {
        var options = minimal()
        options[name.replacing("-", with: "_")] = .integer(value)
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
        options["schedule"] = .text("square")
        #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
        options.schedule = nil
        options["warmup"] = .text("soon")
        #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
    }

    @Test(
        arguments: [
            ("schedule", .text("square"), "--schedule is square, but must be plateau, linear, cosine or constant"),
            ("optimizer", .text("adam"), "--optimizer is adam, but must be adamw or sgd"),
            ("precision", .text("fp8"), "--precision is fp8, but must be float32 or bf16"),
            ("wire", .text("int8"), "--wire is int8, but must be float32 or bf16"),
            ("keep", .text("first"), "--keep is first, but must be best or last"),
            ("heartbeat_timeout", .number(0.25), "--heartbeat-timeout is 0.25, but must be 0.5 to 3600 seconds"),
            ("join_timeout", .number(0), "--join-timeout is 0.0, but must be 1 to 1000000 seconds"),
            ("orphan_timeout", .number(-1), "--orphan-timeout is -1.0, but must be 0 to 1000000 seconds"),
            (
                "checkpoint_minutes", .number(-1),
                "--checkpoint-minutes is -1.0, but must be above 0 and at most 1000000"
            ),
            (
                "freeze", .text("0-x"),
                "--freeze is 0-x, but must be head, embeddings, words, positions, and numbers of layers, such as "
                    + "embeddings,0-3; \"0-x\" is none of them"
            ),
            ("layer_decay", .number(1.5), "--layer-decay is 1.5, but must be above 0 and at most 1"),
            ("label_smoothing", .number(1), "--label-smoothing is 1.0, but must be at least 0 and below 1"),
            ("label_smoothing", .number(.nan), "--label-smoothing is nan, but must be at least 0 and below 1"),
            ("min_workers", .integer(2), "--min-workers is 2, but must be 1 to 1"),
            ("model", .text(""), "--model is \"\", but must be a path"),
            ("batch_size", .text("many"), "--batch-size is many, but must be a whole number"),
        ] as [(String, RunOptionValue, String)])
    func `the message says what a value must be`(key: String, value: RunOptionValue, message: String) {
        var options = minimal()
        options[key] = value
        let error = #expect(throws: ConfigurationError.self) { try RunConfiguration.resolve(options) }
        #expect(error?.description == message)
    }

    @Test func `what is missing is named`() {
        #expect(throws: ConfigurationError.missingOption("model", what: "the folder of a model")) {
            try RunConfiguration.resolve(RunOptions())
        }
    }
}
