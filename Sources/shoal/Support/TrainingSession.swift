import Cluster
import Corpus
import Dashboard
import Foundation
import Inference
import Support

/// A run with a display: what `train`, `coordinator` and `resume` have in common.
enum TrainingSession {
    static func run(
        _ configuration: RunConfiguration, workers: WorkerSource, resume: ResumeOptions? = nil,
        profiles: Bool = false
    ) async throws {
        // A closed pipe must not end the run: it matters more than its display.
        signal(SIGPIPE, SIG_IGN)
        var isExternal = false
        if case .external = workers { isExternal = true }
        // Set by scripts that start the workers themselves.
        let isLaunched = ProcessInfo.processInfo.environment["SHOAL_LAUNCHER"]?.isEmpty == false
        let display = RunDisplay(command: CommandName.current, showsWorkers: isExternal, showsStartCommand: !isLaunched)
        defer { display.close() }
        var configuration = configuration
        if resume == nil {
            let choice = try MethodChoice(configuration)
            configuration = choice.configuration
            if let notice = choice.notice { display.show(.notice(notice)) }
            if configuration.budget != nil, isExternal {
                throw ConfigurationError.unused(
                    "budget", reason: "belongs to train: methods are compared by workers that are started for it")
            }
            configuration = try await MethodComparison(choice, workers: workers) { display.show($0) }.best()
        }
        let result = try await TrainingRun(
            configuration: configuration, workers: workers, resume: resume,
            profileFolder: profiles ? ProfileOutput.folder(run: configuration.output) : nil,
            embeddingFolder: FetchCache(environment: ProcessInfo.processInfo.environment).embeddingFolder
        ) {
            display.show($0)
        }.run()
        display.close()
        let traits = TerminalTraits(descriptor: STDOUT_FILENO)
        // Never seen from the data: pretraining is asked for by name.
        let predicts = configuration.task.flatMap { Tasks.named($0) }?.packsDocuments != true
        let report = RunReport(
            result: result, command: CommandName.current, usesColor: traits.usesColor, predicts: predicts)
        try StandardOutput.line(report.text)
        if profiles { ProfileOutput.show(run: configuration.output) }
    }
}
