import Corpus
import Foundation
import Inference
import Modeling
import Support

/// The method of a run that leaves it open: a probe for a small set of texts with one class each, or several labels,
/// else fine-tuning.
///
/// It is a function of the options and the data. What small means was fixed on the validation sets that docs/data.md
/// names: from about a hundred examples of a class on, fine-tuning with its defaults reaches what a probe does.
public struct MethodChoice: Sendable {
    /// The run, with a method.
    public private(set) var configuration: RunConfiguration
    /// Why it is that one, for people; nil where it was asked for.
    public private(set) var notice: String?
    /// The labelled texts, where other methods could be compared on them: nil for a set that is not small, and for a
    /// method that was asked for.
    let training: Dataset?

    /// Examples of a class of a small set, on average, at most.
    static let mostPerClass = 64
    /// Examples of a small set at most: beyond them cross-validation takes long.
    static let mostExamples = 10_000
    /// A file that is larger is not read for this.
    private static let mostBytes = 256 << 20

    /// Decides.
    ///
    /// - Throws: An error about the options, the model or the data.
    public init(_ run: RunConfiguration) throws {
        configuration = run
        guard run.method == .auto else {
            training = nil
            return
        }
        let onlyForClassifiers = [
            ("labels", run.labels != nil), ("label_description", run.labelDescriptions != nil),
            ("unlabeled", run.unlabeled != nil), ("windows", run.given.hasWindows),
        ].first(where: \.1)?.0
        let ofSteps = run.given.optionOfSteps ?? (run.headFirst ? "head-first" : nil)
        if let option = onlyForClassifiers, let other = ofSteps {
            throw ConfigurationError.unused(
                RunOption.name(of: other),
                reason:
                    "belongs to methods that take steps, and --\(RunOption.name(of: option)) to those that take none: "
                    + "leave out one of them, or choose by --method")
        }
        if run.shots == 0 {
            if let option = ofSteps {
                throw ConfigurationError.unused(
                    RunOption.name(of: option),
                    reason:
                        "belongs to methods that learn from labelled texts, and --shots 0 asks for none: leave out one "
                        + "of them")
            }
            configuration.method = .probe
            training = nil
            return
        }
        let dataset = try ofSteps == nil ? Self.smallSet(run) : nil
        configuration.method = dataset != nil || onlyForClassifiers != nil ? .probe : .finetune
        training = dataset?.hasOneClass == true ? dataset?.texts : nil
        guard let dataset, training != nil || run.budget == nil else {
            if let budget = run.budget {
                throw ConfigurationError.unused(
                    "budget",
                    reason:
                        "is \(budget.optionValue.description), in which methods are compared for small sets of texts with "
                        + "one class each, by their defaults: leave it out here")
            }
            if let option = onlyForClassifiers {
                notice = "method: probe, which --\(RunOption.name(of: option)) belongs to (--method to change)"
            }
            return
        }
        notice =
            "method: probe, since there are \(plural(dataset.texts.examples.count, "labelled text")) of "
            + "\(dataset.texts.labels.count) \(dataset.hasOneClass ? "classes" : "labels") (--method to change"
            + (run.budget == nil && dataset.hasOneClass ? ", or --budget 10m to compare others)" : ")")
    }

    /// The training set, if it is a small one of texts with one class each or several labels, and the model is no
    /// classifier on embeddings already.
    private static func smallSet(_ run: RunConfiguration) throws -> (texts: Dataset, hasOneClass: Bool)? {
        let size = (try? FileManager.default.attributesOfItem(atPath: run.train))?[.size] as? Int
        guard run.task == nil || [Classification().name, MultiLabel().name].contains(run.task), !run.fromScratch,
            size ?? 0 <= mostBytes
        else { return nil }
        let folder = try ModelFolder(path: run.model)
        guard !folder.configuration.purpose.isPooled else { return nil }
        let data = try RunData(run, folder: folder)
        let count = data.training.examples.count
        guard data.task is Classification || data.task is MultiLabel, count <= mostExamples,
            count <= mostPerClass * data.training.labels.count
        else { return nil }
        return (data.training, data.task is Classification)
    }
}
