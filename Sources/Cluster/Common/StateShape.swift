/// The lengths of the vectors of a state.
struct StateShape: Sendable, Equatable {
    /// Floats of the weights.
    var weights = 0
    /// Floats of each of the others: of the front of the weights, which is trained.
    var moments = 0

    /// How a vector is cut into chunks.
    func chunks(_ part: StatePart) -> ChunkMap {
        switch part {
        case .weights: ChunkMap(floats: weights)
        case .firstMoment, .secondMoment, .lastWeights: ChunkMap(floats: moments)
        }
    }
}
