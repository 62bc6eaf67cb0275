import Corpus
import Inference
import Modeling
import Support
import Tokenization

/// The data of a run as its options ask for them, with what people ought to know of them.
struct RunData {
    /// What the model is trained for, with what its folder and the training set say of it.
    let task: any Task
    var training: Dataset
    var validation: Dataset?
    var test: Dataset?
    /// As it should be.
    var notices: [String] = []
    /// Probably mistakes.
    var warnings: [String] = []

    /// Reads the files, and draws and leaves out what the options say.
    ///
    /// - Parameter folder: That of the model, which may say what it is for.
    /// - Throws: ``FileError``, or ``RunError`` where nothing is left.
    init(_ run: RunConfiguration, folder: ModelFolder? = nil) throws {
        let columns = ColumnNames(text: run.textColumn, textPair: run.textPairColumn, label: run.labelColumn)
        var task = run.task.flatMap { Tasks.named($0) }
        if task == nil {
            let seen = try TaskGuess(
                run.train, columns: columns, makesEmbeddings: folder?.sentenceModules?.pooling != nil)
            task = seen.task
            if let reason = seen.reason { notices.append(reason) }
        }
        var chosen = task ?? Tasks.standard
        if let folder { chosen = chosen.configured(by: folder.configuration) }
        if run.computesClassifier {
            chosen = try Self.pooled(chosen, run)
        }
        try Self.checkOptions(run, chosen)
        var options = run.taskOptions
        if chosen.separatesLabels, options.labelSeparator == nil {
            let seen = try SeparatorGuess(run.train, columns: columns)
            options.labelSeparator = seen.separator
            if let reason = seen.reason { notices.append(reason) }
        }
        let kind = chosen
        var (said, warned): ([String], [String]) = ([], [])
        func read(_ path: String, labels: [String]?) throws(FileError) -> Dataset {
            let data = try kind.read(path, columns: columns, known: labels, options: options)
            try kind.check(data.examples, path: path)
            said += data.notices
            warned += data.warnings
            return data
        }
        training = try read(run.train, labels: nil)
        try chosen.checkTrainable(training)
        self.task = try chosen.fitted(to: training, options: options)
        if let range = self.task.scoreRange, options.scoreRange == nil {
            notices.append("scores from \(range.shown) stand for cosines from 0 to 1 (--score-range to change)")
        }
        let names = training.labels
        validation = try run.validation.map { try read($0, labels: names) }
        test = try run.test.map { try read($0, labels: names) }
        (notices, warnings) = (notices + said, warnings + warned)
        if let share = run.validationShare { try holdOut(share, seed: run.seed) }
        if run.dropRareClasses { try dropRareClasses(run) }
        if run.shots == 0 {
            training = try Self.described(training, by: run)
        } else if let shots = run.shots {
            draw(shots, seed: run.seed)
        }
    }

    /// The task with outputs that stand on embeddings.
    private static func pooled(_ task: any Task, _ run: RunConfiguration) throws(RunError) -> any Task {
        let option = run.headFirst ? "head-first" : "method \(run.method.rawValue)"
        guard var pooled = task as? any PooledTask, task is Classification || run.method == .probe else {
            throw .failed(
                "--\(option) does not go with --task \(task.name): it makes "
                    + (run.method == .probe ? "classifiers and regressions" : "classifiers")
                    + " of texts; leave it out, or "
                    + "give --task classification")
        }
        let ofClasses = [
            ("labels", run.labels != nil), ("label-description", run.labelDescriptions != nil),
            ("unlabeled", run.unlabeled != nil), ("class-shares", run.classShares != nil),
        ]
        if !(task is Classification), let option = ofClasses.first(where: \.1)?.0 {
            throw .failed(
                "--\(option) does not go with --task \(task.name): its texts do not have one class each; leave it out")
        }
        pooled.pooled = pooled.pooled ?? PooledClassifier(classes: 0)
        return pooled
    }

    /// Refuses options that count classes where an example does not have exactly one, and the reverse.
    private static func checkOptions(_ run: RunConfiguration, _ task: any Task) throws(RunError) {
        func refuse(_ option: String, _ why: String) -> RunError {
            .failed("--\(option) does not go with --task \(task.name): \(why)")
        }
        if !task.packsDocuments {
            let given = [
                ("mask-probability", run.maskProbability != RunConfiguration.standard.maskProbability),
                ("validation-share", run.validationShare != nil), ("from-scratch", run.fromScratch),
            ]
            if let option = given.first(where: \.1) { throw refuse(option.0, "it belongs to pretraining") }
        } else if run.validationShare != nil, run.validation != nil {
            throw .failed("--validation-share and --validation exclude each other: give one of them")
        }
        if run.scoreRange != nil, !task.encodesApart {
            throw refuse("score-range", "its texts are not compared by the cosine of embeddings")
        }
        if (task as? any PooledTask)?.pooled != nil, run.lora != nil || run.adapter != nil {
            throw RunError.failed(
                "--\(run.lora == nil ? "adapter" : "lora") does not go with a model whose classifier stands on embeddings, as "
                    + "of --method probe: peft has no such head; leave it out, or give the encoder")
        }
        if run.fromScratch, run.lora != nil || run.adapter != nil {
            throw .failed(
                "--from-scratch draws all weights, beside which an adapter learns nothing: leave one of them out")
        }
        if !task.hasOneClass {
            if run.shots != nil { throw refuse("shots", "its examples do not have one class each") }
            if run.dropRareClasses { throw refuse("drop-rare-classes", "its examples do not have one class each") }
        }
        if run.labelSeparator != nil, !task.separatesLabels {
            throw refuse(
                "label-separator",
                task.hasOneClass ? "its examples have one class each" : "nothing in its data is separated by one")
        }
        if run.textPairColumn != nil, task.tagsWords || task.packsDocuments {
            throw refuse("text-pair-column", "its texts have no second text")
        }
        if run.labelColumn != nil, task.packsDocuments { throw refuse("label-column", "its texts have no labels") }
        if run.repairTags, !task.tagsWords { throw refuse("repair-tags", "its texts have no tags of words") }
    }

    /// Takes a share of the training set for validation.
    private mutating func holdOut(_ share: Double, seed: UInt64) throws {
        guard let parts = training.holdingOut(share, seed: seed) else {
            throw RunError.failed(
                "--validation-share: \(training.path) has a single document; give a --validation file")
        }
        (training, validation) = (parts.rest, parts.heldOut)
    }

    /// Leaves out classes with fewer than two examples, or than `--shots` draws, of all data.
    private mutating func dropRareClasses(_ run: RunConfiguration) throws {
        let minimum = run.shots ?? 2
        let rare = training.rareClasses(below: minimum)
        guard !rare.isEmpty else { return }
        let names = Set(rare.map(\.name))
        guard training.labels.count - names.count >= 2 else {
            throw RunError.failed(
                "--drop-rare-classes: of the \(training.labels.count) classes of \(run.train) only "
                    + "\(training.labels.count - names.count) have \(minimum) examples; a classifier needs at least two"
            )
        }
        training = training.without(classes: names)
        var lost: [String] = []
        func rest(_ data: Dataset?, _ name: String) throws -> Dataset? {
            guard let data else { return nil }
            let kept = data.without(classes: names)
            guard !kept.examples.isEmpty else {
                throw RunError.failed("--drop-rare-classes leaves no example of \(data.path); give another --\(name)")
            }
            let count = data.examples.count - kept.examples.count
            if count > 0 { lost.append("\(count) of the \(name) set") }
            return kept
        }
        validation = try rest(validation, "validation")
        test = try rest(test, "test")
        notices.append(
            "--drop-rare-classes: without \(rare.count == 1 ? "the class" : "the \(rare.count) classes") of fewer than "
                + "\(minimum) examples: \(DatasetReview.counted(rare))"
                + (lost.isEmpty ? "" : " (with their examples: \(lost.joined(separator: ", ")))"))
    }

    /// The descriptions of the classes in place of the texts; a class without any is described by its name.
    private static func described(_ training: Dataset, by run: RunConfiguration) throws -> Dataset {
        let found = try ClassDescriptions(run, labels: training.labels).orNames(training.labels)
        var result = Dataset(
            path: run.labels ?? training.path, labels: training.labels,
            examples: found.texts.map { Example(text: $0.text, label: .one(Int32($0.label))) })
        result.notices = training.notices
        return result
    }

    private mutating func draw(_ shots: Int, seed: UInt64) {
        let rare = training.rareClasses(below: shots)
        training = training.fewShotSubset(perClass: shots, seed: seed).dataset
        if !rare.isEmpty {
            warnings.append(
                "--shots \(shots): fewer examples, and all of them taken, of \(DatasetReview.counted(rare))")
        }
    }

    /// Adds what the data and the tokenizer's view of them suggest.
    mutating func review(_ run: RunConfiguration, tokenizer: any Tokenizer, maxLength: Int) {
        guard !task.packsDocuments else { return }
        var review = DatasetReview(
            training: training, isDrawn: run.shots != nil, validation: validation, test: test)
        var sets = [(name: "the training set", data: training)]
        if let validation { sets.append(("the validation set", validation)) }
        if let test { sets.append(("the test set", test)) }
        if task.encodesApart { for number in sets.indices { sets[number].data = sets[number].data.apart } }
        review.addTokens(sets, tokenizer: tokenizer, maxLength: maxLength, areCut: !task.tagsWords)
        notices = Array(review.notices.prefix(1)) + notices + review.notices.dropFirst()
        warnings += review.warnings
    }
}
