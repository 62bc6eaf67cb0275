import Inference
import Modeling

extension RunConfiguration {
    /// What the options say of the task.
    var taskOptions: TaskOptions {
        TaskOptions(
            labelSmoothing: labelSmoothing, classWeights: classWeights, focalGamma: focalLoss,
            rDrop: rDrop, labelSeparator: labelSeparator, repairsTags: repairTags, scoreRange: scoreRange)
    }

    /// Throws an error if two passes with dropout are to be compared, and nothing is dropped.
    func requireDropout(_ encoder: EncoderArchitecture, _ head: any Head, _ adapter: LowRankAdapter?) throws {
        guard rDrop != nil else { return }
        let ofModel = dropout ?? Double(max(encoder.hiddenDropout, encoder.attentionDropout, head.dropout))
        guard max(ofModel, Double(adapter?.dropout ?? 0)) == 0 else { return }
        throw ConfigurationError.unused(
            "r-drop",
            reason: "compares two passes with different dropout, and "
                + (dropout == nil ? "the model has none: give --dropout 0.1, or leave it out" : "--dropout is 0")
                + (dropout == nil ? "" : ": give a higher one, or leave --r-drop out"))
    }
}
