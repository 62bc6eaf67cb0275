/// Which state of a run becomes its model.
public enum KeptState: String, Sendable, Equatable, CaseIterable {
    /// The best by validation: that of the highest accuracy; of equals, of the lowest loss; then the latest.
    case best
    /// That after the last step.
    case last
}
