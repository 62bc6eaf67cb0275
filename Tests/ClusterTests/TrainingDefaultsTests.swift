import Modeling
import Testing

@testable import Cluster

@Suite struct TrainingDefaultsTests {
    private func options(_ change: (inout RunOptions) -> Void = { _ in }) -> RunOptions {
        var options = RunOptions()
        (options.model, options.train, options.output) = ("m", "t.csv", "out")
        change(&options)
        return options
    }

    @Test(arguments: [
        (5485, 3, 5e-5), (6532, 3, 5e-5), (100_000, 3, 5e-5), (1088, 3, 5e-5), (1056, 4, 1e-4), (320, 10, 1e-4),
        (40, 50, 1e-4), (8, 50, 1e-4), (1, 50, 1e-4),
    ]) func `few examples get more epochs and a higher rate`(examples: Int, epochs: Int, rate: Double) {
        let chosen = TrainingDefaults(examples: examples, batchSize: 32)
        #expect(chosen.epochs == epochs && chosen.learningRate == rate)
    }

    @Test(arguments: [
        (5485, "rank=8", 3, 1e-3), (1088, "rank=4", 6, 2e-3), (256, "rank=8", 25, 2e-3), (40, "rank=8", 50, 2e-3),
        (256, "rank=8,alpha=256", 25, 5e-4), (256, "rank=8,alpha=0.1", 25, 2e-3), (256, "alpha=1e6", 25, 3e-4),
        (256, "rank=4,rslora=true", 25, 1.4e-3),
    ])
    func `an adapter gets more steps and a higher rate`(
        examples: Int, settings: String, epochs: Int, rate: Double
    ) throws {
        let adapter = try AdapterSelection(settings).adapter(of: BERT.self)
        let chosen = TrainingDefaults(examples: examples, batchSize: 32, adapter: adapter)
        #expect(chosen.epochs == epochs && chosen.learningRate == rate)
        var run = try RunConfiguration.resolve(options())
        let line = try #require(TrainingDefaults.apply(to: &run, examples: examples, adapter: adapter))
        #expect(run.epochs == epochs && run.learningRate == rate)
        #expect(line.contains("examples and an adapter; --epochs"), "\(line)")
        // The head learns at the rate of a run without an adapter, unless the user says otherwise.
        #expect(run.headLearningRate == (epochs == 3 ? 5e-5 : 1e-4), "\(line)")
        #expect(line.contains(", of the head \(TrainingDefaults.shown(run.headLearningRate ?? 0)) ("), "\(line)")
        #expect(abs((run.hyperparameters.headFactor ?? 0) * rate - (run.headLearningRate ?? 0)) < 1e-12)
        var own = try RunConfiguration.resolve(options { $0.headLearningRate = 3e-4 })
        _ = TrainingDefaults.apply(to: &own, examples: examples, adapter: adapter)
        #expect(own.headLearningRate == 3e-4)
        var given = try RunConfiguration.resolve(options { $0.learningRate = 3e-4 })
        _ = TrainingDefaults.apply(to: &given, examples: examples, adapter: adapter)
        #expect(given.headLearningRate == nil && given.hyperparameters.headFactor == nil)
    }

    @Test func `more examples never mean fewer steps`() {
        var last = 0
        for examples in 1..<3000 {
            let steps = TrainingDefaults(examples: examples, batchSize: 32).epochs * ((examples + 31) / 32)
            // A rounded-up number of epochs may overshoot by less than one of them.
            #expect(steps >= min(last, TrainingDefaults.leastSteps))
            last = steps
        }
    }

    @Test func `what is chosen is said, and is in the file of the run`() throws {
        var run = try RunConfiguration.resolve(options())
        #expect(run.choosesEpochs && run.choosesRate)
        #expect(!run.yaml().contains("epochs") && !run.yaml().contains("\nlearning_rate"))
        let line = TrainingDefaults.apply(to: &run, examples: 320)
        #expect(
            line
                == "10 epochs of 10 steps at a learning rate of 1e-4 (chosen for 320 examples; --epochs, --learning-rate to "
                + "change)")
        #expect(
            run.epochs == 10 && run.steps == nil && run.learningRate == 1e-4 && !run.choosesEpochs && !run.choosesRate)
        let again = try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml"))
        #expect(again == run)
    }

    @Test func `what is given stays, and the rest follows from the examples`() throws {
        var run = try RunConfiguration.resolve(options { $0.learningRate = 2e-5 })
        #expect(
            TrainingDefaults.apply(to: &run, examples: 320)
                == "10 epochs of 10 steps at a learning rate of 2e-5 (the epochs are chosen for 320 examples; --epochs to "
                + "change)")
        #expect(run.epochs == 10 && run.learningRate == 2e-5)
        run = try RunConfiguration.resolve(options { $0.epochs = 1 })
        #expect(
            TrainingDefaults.apply(to: &run, examples: 320)
                == "1 epoch of 10 steps at a learning rate of 1e-4 (the rate is chosen for 320 examples; --learning-rate "
                + "to change)")
        #expect(run.epochs == 1 && run.learningRate == 1e-4)
        run = try RunConfiguration.resolve(options { $0.steps = 30 })
        #expect(run.yaml().contains("steps: 30") && !run.yaml().contains("\nlearning_rate"))
        #expect(
            TrainingDefaults.apply(to: &run, examples: 5485)
                == "30 steps at a learning rate of 5e-5 (the rate is chosen for 5485 examples; --learning-rate to change)"
        )
        #expect(run.steps == 30 && run.epochs == nil && run.learningRate == 5e-5)
        let again = try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml"))
        #expect(again == run)
    }

    @Test func `a small model learns tags at a higher rate`() throws {
        for (width, rate) in [(384, 5e-4), (768, 5e-5), (nil, 5e-5)] {
            var run = try RunConfiguration.resolve(options())
            let line = TrainingDefaults.apply(to: &run, examples: 5485, taggingWidth: width)
            #expect(run.learningRate == rate && run.epochs == 3)
            #expect(line?.contains("for 5485 examples with tags;") == (width == 384), "\(line ?? "")")
        }
        let few = TrainingDefaults(examples: 266, batchSize: 32, isSmallTagger: true)
        #expect(few.epochs == 45 && few.learningRate == 5e-4)
        var run = try RunConfiguration.resolve(options { $0.learningRate = 2e-5 })
        _ = TrainingDefaults.apply(to: &run, examples: 5485, taggingWidth: 384)
        #expect(run.learningRate == 2e-5)
    }

    @Test func `options of the user win`() throws {
        for change in [{ ($0.epochs, $0.learningRate) = (3, 5e-5) }, { ($0.steps, $0.learningRate) = (30, 5e-5) }]
            as [(inout RunOptions) -> Void]
        {
            let given = try RunConfiguration.resolve(options(change))
            var run = given
            #expect(TrainingDefaults.apply(to: &run, examples: 10) == nil)
            #expect(run == given)
        }
        var plain = RunConfiguration(model: "m", train: "t", output: "o")
        #expect(TrainingDefaults.apply(to: &plain, examples: 10) == nil)
    }

    @Test(arguments: [(5e-5, "5e-5"), (1e-4, "1e-4"), (0.25, "2.5e-1"), (2, "2e0"), (1e-12, "1e-12")])
    func `rates are written as people write them`(rate: Double, text: String) {
        #expect(TrainingDefaults.shown(rate) == text)
    }
}
