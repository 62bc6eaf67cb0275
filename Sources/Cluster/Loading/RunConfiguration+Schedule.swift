import Training

extension RunConfiguration {
    /// The schedule of a run of `totalSteps`, as it is in `state`; with a warning where warmup would cover all steps.
    ///
    /// - Throws: An error if the checkpoint's schedule cannot be used.
    func schedule(totalSteps: Int, from state: LoadedState) throws -> (LearningRateSchedule, warnings: [String]) {
        var (settings, warnings) = (scheduleSettings, [String]())
        if let shorter = settings.warmup.shortened(for: totalSteps) {
            warnings.append(
                "--warmup \(settings.warmup) would cover \(totalSteps == 1 ? "the only step" : "all \(totalSteps) steps"): "
                    + "the rate rises over \(shorter.steps(of: totalSteps)) steps instead")
            settings.warmup = shorter
        }
        var schedule = LearningRateSchedule(settings, totalSteps: totalSteps)
        // A checkpoint without one leaves the schedule new.
        if !state.schedule.isEmpty { try schedule.restore(state.schedule) }
        return (schedule, warnings)
    }
}
