import Inference

extension RunConfiguration {
    /// What the options say of the task.
    var taskOptions: TaskOptions {
        TaskOptions(
            labelSmoothing: labelSmoothing, classWeights: classWeights, focalGamma: focalLoss,
            labelSeparator: labelSeparator, repairsTags: repairTags, scoreRange: scoreRange)
    }
}
