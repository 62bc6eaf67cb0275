import Collectives
import Inference
import Modeling
import Numerics
import Support
import Training

extension RunOptionTable {
    /// The options of `train` and `coordinator`.
    public static let standard = RunOptionTable(
        paths + sizes + optimization + examples + fewShot + pretraining + cluster)

    private static let threads = min(1024, AvailableProcessors.count)

    private static let paths: [RunOption] = [
        RunOption(
            .data, "model", \.model, "dir",
            "The Hugging Face folder of the model to start from, or the name of one that shoal fetch has brought",
            kind: .path, required: "the folder of a model",
            aliases: "modelnameorpath modelname modelpath modeldir pretrainedmodel basemodel checkpoint m"),
        RunOption(
            .data, "adapter", \.adapter, "dir",
            "The folder of an adapter of --model, such as the adapter/ of a run with --lora, that is to be trained on",
            kind: .path, aliases: "adapternameorpath adapterpath adapterdir loradir peftmodel"),
        RunOption(
            .data, "train", \.train, "file",
            "The training examples: .csv or .tsv with a header, .jsonl, or .conll for tags of words; UTF-8",
            kind: .path, required: "the file of examples",
            aliases: "trainfile traindata traincsv trainingdata trainpath trainset dataset datasetname data input"),
        RunOption(
            .data, "validation", \.validation, "file", "A file that is evaluated after every epoch",
            kind: .path, aliases: "validationfile valid val dev evalfile evaldata valfile devfile"),
        RunOption(
            .data, "test", \.test, "file", "A file that is evaluated at the end",
            kind: .path, aliases: "testfile testdata testset"),
        RunOption(
            .data, "output", \.output, "dir", "The run directory to write: new, or empty",
            kind: .path, required: "the run directory to write",
            aliases: "outputdir out outdir savedir o outputpath rundir logdir"),
    ]

    private static let sizes: [RunOption] = [
        RunOption(
            .workers, "workers", \.workers, "count", "Worker processes", allowed: .range(1...1024),
            aliases: "nproc numworkers nprocpernode numprocesses worldsize processes nnodes gpus"),
        RunOption(
            .localWorkers, "threads_per_worker", \.threadsPerWorker, "count",
            "Compute threads of each worker; each takes micro-batches, and memory, of its own",
            allowed: .range(1...1024),
            standard: "the processors that this process may use, \(threads) here, divided among the workers",
            aliases: "numthreads threads cpus"),
        RunOption(
            .localWorkers, "pin_workers", \.pinWorkers,
            "", "Gives each worker processors of its own, one per thread: for machines that do nothing else"),
        RunOption(
            .learning, "batch_size", \.batchSize, "count", "Examples of a step, over all workers: the global batch",
            allowed: .range(1...65_536),
            aliases: "bs batch trainbatchsize globalbatchsize perdevicetrainbatchsize perdevicebatchsize trainbatch "
                + "pergputrainbatchsize"),
        RunOption(
            .learning, "micro_batches", \.microBatches, "count",
            "Micro-batches that a step is cut into, at least as many as workers; the result depends on it, on the "
                + "number of workers it does not",
            allowed: .range(1...ReductionTree.maxLeafCount),
            aliases: "gradientaccumulationsteps microbatchsize accumulategradbatches"),
        RunOption(
            .learning, "epochs", \.epochs, "count", "Passes over the training examples",
            allowed: .range(1...1_000_000),
            standard: "\(RunConfiguration.standard.epochs ?? 0), or more for few examples, where --steps is not given "
                + "either",
            resumed: "Passes over the training examples, all together",
            aliases: "epoch numepochs numtrainepochs maxepochs nepochs e"),
        RunOption(
            .learning, "steps", \.steps, "count", "Steps of the whole run, in place of --epochs",
            allowed: .range(1...1_000_000_000), standard: "", resumed: "Steps of the whole run, instead of --epochs",
            aliases: "maxsteps numsteps numtrainsteps iterations maxiters iters"),
    ]

    private static let optimization: [RunOption] = [
        RunOption(
            .learning, "learning_rate", \.learningRate, "rate", "The highest learning rate",
            standard: "\(RunConfiguration.standard.learningRate), or 0.0001 for few examples; more for an adapter",
            aliases: "lr rate maxlr baselr learnrate"),
        RunOption(
            .learning, "weight_decay", \.weightDecay, "factor",
            "Weight decay of all parameters but biases and LayerNorm", aliases: "wd decay"),
        RunOption(.learning, "optimizer", \.optimizer, "name", "adamw or sgd", aliases: "optim"),
        RunOption(
            .learning, "beta1", \.beta1, "factor", "AdamW: decay of the first moment", owner: .adamW,
            aliases: "adambeta1"),
        RunOption(
            .learning, "beta2", \.beta2, "factor", "AdamW: decay of the second moment", owner: .adamW,
            aliases: "adambeta2"),
        RunOption(
            .learning, "epsilon", \.epsilon, "number", "AdamW: what is added to the denominator", owner: .adamW,
            aliases: "adamepsilon eps adameps"),
        RunOption(.learning, "momentum", \.momentum, "factor", "SGD: momentum, 0 for none", owner: .sgd),
        RunOption(.learning, "nesterov", \.nesterov, "", "SGD: Nesterov's momentum", owner: .sgd),
        RunOption(
            .schedule, "schedule", \.schedule, "name",
            "The learning rate after warmup: linear or cosine (to 0 at the end), constant, or plateau (reduced when "
                + "the loss of --validation, else of training, stops falling)",
            aliases: "lrscheduler lrschedulertype scheduler"),
        RunOption(
            .schedule, "warmup", \.warmup, "steps|share",
            "How long the rate rises from 0 at first: steps (100), or a share of all (0.1, 10%)",
            aliases: "warmupsteps warmupratio warmupproportion numwarmupsteps"),
        RunOption(
            .schedule, "patience", \.plateau.patience, "epochs",
            "plateau: epochs without improvement before the rate is reduced", owner: .plateau),
        RunOption(
            .schedule, "factor", \.plateau.factor, "factor", "plateau: what the rate is multiplied with",
            owner: .plateau),
        RunOption(
            .schedule, "threshold", \.plateau.threshold, "share",
            "plateau: relative improvement of the loss that counts", owner: .plateau),
        RunOption(
            .schedule, "cooldown", \.plateau.cooldown, "epochs", "plateau: epochs to wait after a reduction",
            owner: .plateau),
        RunOption(
            .schedule, "min_learning_rate", \.plateau.minimumRate, "rate", "plateau: the least rate",
            owner: .plateau, aliases: "minlr"),
        RunOption(
            .learning, "clip_norm", \.clipNorm, "norm",
            "Global norm that the gradient is clipped to, 0 for no clipping", none: .zero,
            aliases: "maxgradnorm gradclip gradientclipval gradnorm clip"),
        RunOption(
            .learning, "dropout", \.dropout, "share", "Dropout probability in place of the model's own",
            standard: "the model's", aliases: "dropoutrate"),
        RunOption(
            .learning, "label_smoothing", \.labelSmoothing, "share",
            "Share of the target that is spread over all classes", allowed: .shareBelowOne,
            aliases: "labelsmoothingfactor smoothing"),
        RunOption(
            .learning, "class_weights", \.classWeights, "balanced|file",
            "How much each class counts in the loss: balanced, the rarer the more, or a file with the columns label and "
                + "weight",
            kind: .path, standard: "all alike", aliases: "classweight weights lossweights posweight"),
        RunOption(
            .learning, "focal_loss", \.focalLoss, "exponent",
            "Exponent of the focal loss, by which examples that are recognised already count for less; 2 is usual",
            allowed: .range(0...100, ""), standard: "cross-entropy", aliases: "focalgamma focallossgamma gamma focal"),
        RunOption(
            .learning, "r_drop", \.rDrop, "factor",
            "Computes each text twice, with different dropout, and adds that many times how much the two differ: R-Drop, "
                + "in twice the time", allowed: .positive(atMost: RegularizedDropout.mostAlpha), standard: "one pass",
            aliases: "rdrop rdropalpha regularizeddropout"),
        RunOption(
            .learning, "freeze", \.freeze, "parts",
            "Parts of the model that are not trained: head, embeddings (or words, positions), layers by number from the "
                + "embeddings on, such as embeddings,0-3",
            aliases: "frozen freezelayers frozenlayers freezeparameters"),
        RunOption(
            .learning, "train_only", \.trainOnly, "parts",
            "The only parts of the model that are trained, as --freeze "
                + "names them, such as head,5",
            standard: "all", aliases: "unfreeze trainablelayers trainable unfrozenlayers"),
        RunOption(
            .learning, "lora", \.lora, "settings",
            "Trains the head and a low-rank adapter of the encoder, which stays as it is: "
                + "rank=8,alpha=16,targets=query,value,dropout=0.1 with targets among query, key, value, attention-output, "
                + "intermediate, output; of ModernBERT query-key-value in place of the first three",
            aliases: "peft qlora adalora lorarank lorar"),
        RunOption(
            .learning, "head_learning_rate", \.headLearningRate, "rate",
            "The highest learning rate of the head, where it is another one", allowed: .range(0...1, ""),
            standard: "that of the rest; beside an adapter whose rate is not given, that of a run without one",
            aliases: "classifierlearningrate headlr classifierlr bodylearningrate"),
        RunOption(
            .learning, "layer_decay", \.layerDecay, "factor",
            "What the learning rate is multiplied with for each layer further from the head", standard: "1",
            aliases: "llrd layerwiselrdecay layerwiselearningratedecay lrlayerdecay layerlrdecay"),
        RunOption(
            .learning, "average_weights", \.averageWeights, "share",
            "Share of the steps, the last ones, over which the weights are averaged: the mean is evaluated and written",
            allowed: .positive(atMost: 1), standard: "no averaging",
            aliases: "weightaveraging swa stochasticweightaveraging averageweight weightaverage"),
        RunOption(
            .learning, "precision", \.precision, "name",
            "float32, or bf16: the encoder's products in bfloat16, on processors with AVX512-BF16 or AMX",
            aliases: "fp16 bf16 mixedprecision dtype"),
    ]

    private static let examples: [RunOption] = [
        RunOption(
            .data, "task", \.task, "name",
            "What the model is trained for: \(Tasks.all.map(\.name).joined(separator: ", "))",
            allowed: .oneOf(Tasks.all.map(\.name)), standard: "seen from the labels, else \(Tasks.standard.name)",
            resumed: "What the model is trained for", aliases: "tasktype problemtype problem"),
        RunOption(
            .data, "max_length", \.maxLength, "tokens", "Tokens of a text at most, special ones included",
            allowed: .range(3...65_536),
            standard: "\(RunConfiguration.defaultMaxLength), or the model's positions if fewer",
            aliases: "maxseqlength maxseqlen maxlen seqlen sequencelength maxsequencelength maxtokens"),
        RunOption(
            .learning, "seed", \.seed, "number", "Seed of shuffling, dropout, new weights and --shots",
            aliases: "randomseed randomstate dataseed rngseed"),
        RunOption(
            .data, "shots", \.shots, "count",
            "Training examples to draw of each class, by the seed; 0 for a classifier of what --labels says alone",
            allowed: .range(0...1_000_000_000), standard: "all", aliases: "samplesperclass numsamples nshot fewshot"),
        RunOption(
            .data, "drop_rare_classes", \.dropRareClasses,
            "",
            "Leaves out classes with fewer than two examples, or than --shots; their examples in --validation "
                + "and --test, too"),
        RunOption(
            .data, "text_column", \.textColumn, "name", "The column, or JSON key, of the text",
            standard: "the first of text, sentence, review, … that there is", aliases: "textfield textkey"),
        RunOption(
            .data, "text_pair_column", \.textPairColumn, "name", "The column of the second text of a pair",
            standard: "text_pair, or that of a usual pair such as question and sentence"),
        RunOption(
            .data, "label_column", \.labelColumn, "name", "The column of the label",
            standard: "the first of label, class, category, … that there is", aliases: "labelfield labelkey"),
        RunOption(
            .data, "label_separator", \.labelSeparator, "character",
            "What stands between the labels of a text that has several, where they are not a JSON array",
            allowed: .oneCharacter, standard: "a comma", aliases: "labeldelimiter labelsep"),
        RunOption(
            .data, "score_range", \.scoreRange, "least,greatest",
            "Which scores of pairs stand for the cosines 0 and 1, with --task embedding",
            standard: "0,1 where all scores lie there, else those of --train",
            aliases: "scorescale scalescores labelrange"),
        RunOption(
            .data, "repair_tags", \.repairTags, "",
            "Mends tags of words that break their scheme, such as I- without B-, by the spans that conlleval sees"),
    ]

    private static let fewShot: [RunOption] = [
        RunOption(
            .fewShot, "method", \.method, "name",
            "auto: probe for few examples, else finetune; finetune: encoder and classifier learn together; probe: a "
                + "classifier is computed from embeddings of the texts, in seconds; contrastive: before that the "
                + "encoder learns to tell the classes apart; distill: the outputs of --teacher, or of a probe, are "
                + "learnt on texts with and without labels",
            aliases: "trainingmethod recipe"),
        RunOption(
            .fewShot, "budget", \.budget, "time",
            "In which methods that take steps are compared with the probe by cross-validation, such as 10m",
            owner: .auto,
            aliases: "timebudget timelimit maxtime"),
        RunOption(
            .fewShot, "head_first", \.headFirst, "",
            "Computes the classifier from embeddings, as the method probe does, before encoder and classifier learn",
            owner: .finetune, aliases: "lpft linearprobefirst probefirst"),
        RunOption(
            .fewShot, "contrastive_loss", \.contrastiveLoss, "name",
            "supervised: every text of a step is compared with all others; pairs: texts are compared two by two, as "
                + "SetFit does; fastfit: texts and the names or descriptions of their classes are compared with all "
                + "others token by token, as FastFit does", owner: .contrastive, aliases: "losstype"),
        RunOption(
            .fewShot, "contrastive_temperature", \.contrastiveTemperature, "number",
            "What cosines are divided by in a contrastive loss over all texts of a step",
            allowed: .positive(atMost: 10), owner: .contrastive, standard: "0.1, with fastfit 0.07",
            aliases: "temperature tau"),
        RunOption(
            .fewShot, "pairs_per_text", \.pairsPerText, "count",
            "Pairs of one class, and as many of two, that each text begins with --contrastive-loss pairs",
            allowed: .range(1...100_000), owner: .contrastive, aliases: "numiterations"),
        RunOption(
            .fewShot, "teacher", \.teacher, "dir[,dir…]",
            "The folders of classifiers whose outputs are learnt, of the same classes; the mean of several",
            owner: .distill, standard: "a probe of --model", aliases: "teachers teachermodel teachermodelnameorpath"),
        RunOption(
            .fewShot, "distillation_temperature", \.distillationTemperature, "number",
            "What the logits of teacher and student are divided by", allowed: .positive(atMost: 100), owner: .distill,
            aliases: "temperaturedistillation kdtemperature softmaxtemperature"),
        RunOption(
            .fewShot, "distillation_label_weight", \.distillationLabelWeight, "share",
            "What the class of a text counts for where it is known; its teacher counts for the rest",
            allowed: .range(0...1, ""), owner: .distill, aliases: "distillationalpha hardweight"),
        RunOption(
            .fewShot, "labels", \.labels, "file",
            "What the classes are called or about, with the columns label and description, several lines for a class if "
                + "you like", kind: .path, owner: .classifier,
            aliases: "labeldescriptions labelnames classnames classdescriptions descriptions"),
        RunOption(
            .fewShot, "label_description", \.labelDescriptions, "label=description",
            "What a class is called or about, as a line of --labels says it; may be given several times",
            owner: .classifier, aliases: "labeldesc labelname classname classdescription description"),
        RunOption(
            .fewShot, "unlabeled", \.unlabeled, "file",
            "Texts without labels, like those that the model will see, that are learnt from: .csv, .tsv, .jsonl or .txt",
            kind: .path, owner: .classifier, aliases: "unlabelled unlabeleddata unlabeledfile unlabelledfile"),
        RunOption(
            .fewShot, "class_shares", \.classShares, "label=share,…",
            "How often each class occurs among --unlabeled, or equal", owner: .classifier, standard: "estimated",
            aliases: "classpriors priors"),
        RunOption(
            .fewShot, "windows", \.windows, "count",
            "Windows of --max-length tokens that a long text is cut into, at most", allowed: .range(1...1000),
            owner: .classifier),
        RunOption(
            .fewShot, "embedding_cache", \.embeddingCache, "",
            "Keeps embeddings in the cache of shoal fetch, so that another run on the same texts need not compute them",
            aliases: "cache cacheembeddings usecache"),
    ]

    private static let pretraining: [RunOption] = [
        RunOption(
            .pretraining, "from_scratch", \.fromScratch, "",
            "Draws all weights by the seed; of --model only config.json and the tokenizer are read"),
        RunOption(
            .pretraining, "mask_probability", \.maskProbability, "share", "Share of the tokens that are to be guessed",
            allowed: .share, aliases: "mlmprobability maskprob masking"),
        RunOption(
            .pretraining, "validation_share", \.validationShare, "share",
            "Share of the documents that is held out and evaluated after every epoch, in place of --validation",
            allowed: .share, aliases: "validationsplitpercentage valshare validationsplit"),
    ]

    private static let cluster: [RunOption] = [
        RunOption(
            .workers, "heartbeat_timeout", \.heartbeatTimeout, "seconds",
            "Seconds without a sign of life after which a worker counts as lost",
            allowed: .range(0.5...3600, "seconds")),
        RunOption(
            .workers, "join_timeout", \.joinTimeout, "seconds", "Seconds to wait for all workers to join",
            allowed: .range(1...1e6, "seconds")),
        RunOption(
            .workers, "min_workers", \.minWorkers, "count", "Workers below which the others wait for more"),
        RunOption(
            .localWorkers, "max_restarts", \.maxRestarts, "count",
            "How often workers of this machine that are lost are started again, all together",
            allowed: .range(0...1_000_000)),
        RunOption(
            .workers, "orphan_timeout", \.orphanTimeout, "seconds",
            "Seconds that workers wait for a coordinator that fell silent to be started again, by resume",
            allowed: .range(0...1e6, "seconds")),
        RunOption(
            .checkpoints, "checkpoint_every", \.checkpointEvery, "steps",
            "Steps between checkpoints; 0 for none at all", none: .zeroOrNotGiven, allowed: .range(1...1_000_000_000),
            standard: "by time", aliases: "savesteps saveevery"),
        RunOption(
            .checkpoints, "checkpoint_minutes", \.checkpointMinutes, "minutes",
            "Minutes between checkpoints; 0 for none", none: .zero, allowed: .positive(atMost: 1e6),
            standard: "5, or none with --checkpoint-every"),
        RunOption(
            .checkpoints, "keep_checkpoints", \.keepCheckpoints, "count",
            "The newest checkpoints to keep, besides the best by --validation; 0 keeps none once the model is written",
            allowed: .range(0...1_000_000), aliases: "savetotallimit"),
        RunOption(
            .checkpoints, "keep", \.keep, "state", "Which state becomes the model: last, or best by --validation"),
        RunOption(
            .workers, "balance", \.balance, "", "Gives fast workers more of a step than slow ones"),
        RunOption(
            .workers, "recompute", \.recompute,
            "",
            "Computes activations again for the backward pass instead of keeping them: less memory, more time, "
                + "the same weights",
            aliases: "gradientcheckpointing activationcheckpointing"),
        RunOption(
            .workers, "wire", \.wire, "name",
            "In what workers send gradients: float32, or bf16, half the bytes for slow networks; the weights then "
                + "depend on the number of workers and, without --no-balance, on their speeds"),
        RunOption(
            .workers, "compress_wire", \.compressWire,
            "", "Compresses gradients, without a loss: for networks of a few hundred Mbit/s and less"),
        RunOption(
            .access, "keys", \.keys, "dir",
            "The folder of the coordinator's keys, made by keygen: encrypts, and lets in only workers that it lists",
            kind: .path, standard: "", resumed: "The folder of the coordinator's keys"),
        RunOption(
            .access, "insecure", \.insecure,
            "", "Listens on addresses that other machines reach, without encryption: on networks that you trust",
            resumed: "Listens on addresses that other machines reach, without encryption"),
    ]
}
