extension RunOption {
    /// The titles under which `--help` lists options.
    public enum Group: Sendable {
        /// The model, the data and the run directory.
        case data
        /// How few examples are learnt from.
        case fewShot
        /// What is masked and held out in pretraining.
        case pretraining
        /// What is learnt from the data, and for how long.
        case learning
        /// How the learning rate changes.
        case schedule
        /// How many workers there are, how long they are waited for and how they exchange gradients.
        case workers
        /// When the state is kept.
        case checkpoints
        /// How workers compute that a command starts itself.
        case localWorkers
        /// Which workers may connect: only where they are started by hand.
        case access
    }
}
