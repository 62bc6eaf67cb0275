import Foundation
import Modeling
import Support

extension RunConfiguration {
    /// The adapter that `--lora` asks for in a model of this family; nil for none.
    ///
    /// - Throws: An error that names the target that the model does not have.
    func lowRankAdapter(of family: any ModelFamily.Type) throws(ConfigurationError) -> LowRankAdapter? {
        guard let lora else { return nil }
        do { return try lora.adapter(of: family) } catch {
            throw .invalid("lora", value: lora.text, need: error.need)
        }
    }

    /// The parts of a model with this encoder that `--freeze` and `--train-only` leave to train.
    ///
    /// - Throws: An error that names the option: for a layer that the model does not have, and where nothing is left.
    func trainableSet(of encoder: EncoderArchitecture) throws(ConfigurationError) -> TrainableSet {
        func refusal(_ option: String, _ selection: PartSelection, _ error: ModelError) -> ConfigurationError {
            let last = encoder.layers.count - 1
            let isUnknown = selection.parts.contains { if case .layer(let index) = $0 { index > last } else { false } }
            return .invalid(
                option, value: selection.text,
                need: isUnknown
                    ? "parts of the model, whose layers are 0 to \(last)" : "fewer parts: nothing is left to train")
        }
        if let freeze {
            do { return try .freezing(freeze.parts, of: encoder) } catch { throw refusal("freeze", freeze, error) }
        }
        if let trainOnly {
            do { return try .training(trainOnly.parts, of: encoder) } catch {
                throw refusal("train-only", trainOnly, error)
            }
        }
        return .all
    }

    /// `--freeze` or `--train-only` leaves parts to train that the model of this task has nothing in.
    func nothingToTrain(_ task: String) -> ConfigurationError {
        let (option, text) = freeze.map { ("freeze", $0.text) } ?? ("train-only", trainOnly?.text ?? "")
        return .invalid(
            option, value: text,
            need: "other parts: with --task \(task) the rest has no parameters, nothing is left to train")
    }
}

/// How many of a model's parameters are trained.
public struct TrainedShare: Sendable, Equatable {
    /// All parameters of the model, without alignment gaps.
    public var all: Int
    /// Those that are trained.
    public var trained: Int

    /// These counts.
    public init(all: Int, trained: Int) {
        self.all = all
        self.trained = trained
    }

    /// Those of a layout.
    init(_ layout: ParameterLayout) {
        self.init(
            all: layout.parameters.reduce(0) { $0 + $1.count }, trained: layout.trainable.reduce(0) { $0 + $1.count })
    }

    /// A line for people: "trained: 4.1 of 22.7 million parameters".
    public var text: String {
        guard all >= 1_000_000 else { return "trained: \(trained) of \(all) parameters" }
        func millions(_ count: Int) -> String {
            String(format: count < 950_000 ? "%.2g" : "%.1f", Double(count) / 1e6)
        }
        return "trained: \(millions(trained)) of \(millions(all)) million parameters"
    }
}
