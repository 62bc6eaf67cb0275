import ArgumentParser
import Cluster

/// How the learning rate changes over a run.
struct ScheduleOptions: ParsableArguments {
    private static let run = Defaults.run

    @Option(
        help: ArgumentHelp(
            "The learning rate after warmup: linear or cosine (to 0 at the end), constant, or plateau (reduced when the "
                + "loss of --validation, else of training, stops falling) (default: \(run.schedule.rawValue)).",
            valueName: "name"))
    var schedule: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long the rate rises from 0 at first: steps (100), or a share of all (0.1, 10%) "
                + "(default: \(run.warmup)).", valueName: "steps|share"))
    var warmup: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "plateau: epochs without improvement before the rate is reduced (default: \(run.plateau.patience)).",
            valueName: "epochs"))
    var patience: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "plateau: what the rate is multiplied with (default: \(run.plateau.factor)).", valueName: "factor"))
    var factor: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "plateau: share by which the loss must fall to count as better (default: \(run.plateau.threshold)).",
            valueName: "share"))
    var threshold: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "plateau: epochs to wait after a reduction (default: \(run.plateau.cooldown)).", valueName: "epochs"))
    var cooldown: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("plateau: the least rate (default: \(run.plateau.minimumRate)).", valueName: "rate"))
    var minLearningRate: Double?

    func apply(to options: inout RunOptions) {
        (options.schedule, options.warmup, options.patience, options.factor) = (schedule, warmup, patience, factor)
        (options.threshold, options.cooldown, options.minLearningRate) = (threshold, cooldown, minLearningRate)
    }
}
