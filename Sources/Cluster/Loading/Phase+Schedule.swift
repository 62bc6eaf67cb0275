import Training

extension Phase {
    /// The schedule of a phase of so many steps, at its beginning; with a warning where warmup would cover all steps.
    func schedule(steps: Int) -> (schedule: LearningRateSchedule, warnings: [String]) {
        var (settings, warnings) = (schedule, [String]())
        if let shorter = settings.warmup.shortened(for: steps) {
            warnings.append(
                "--warmup \(settings.warmup) would cover \(steps == 1 ? "the only step" : "all \(steps) steps"): "
                    + "the rate rises over \(shorter.steps(of: steps)) steps instead")
            settings.warmup = shorter
        }
        return (LearningRateSchedule(settings, totalSteps: steps), warnings)
    }
}

extension LearningRateSchedule {
    /// As it is in a state; a checkpoint without a schedule leaves it new.
    ///
    /// - Throws: An error if the checkpoint's schedule cannot be used.
    func restored(from state: LoadedState) throws(TrainingError) -> LearningRateSchedule {
        var schedule = self
        if !state.schedule.isEmpty { try schedule.restore(state.schedule) }
        return schedule
    }
}
