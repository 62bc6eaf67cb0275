extension PackedBatch {
    /// The sequences as many times one after the other, all once, then all once more, with sample keys that draw other
    /// dropout masks in each pass: a mask is a function of the seed, the step, the sample and the pass.
    ///
    /// - Parameter passes: 1, or 2. The sample keys of the second have the highest bit flipped, which no position of an
    ///   example in a training set has.
    func repeated(_ passes: Int) -> PackedBatch {
        precondition((1...2).contains(passes), "keys are known of two passes")
        guard passes == 2 else { return self }
        var result = self
        result.tokenIDs += tokenIDs
        result.typeIDs += typeIDs
        let tokens = Int32(truncatingIfNeeded: tokenCount)
        result.offsets += offsets.dropFirst().map { $0 &+ tokens }
        result.sampleKeys += sampleKeys.map { $0 ^ 1 << 31 }
        // Targets of one kind are always joined.
        result.targets = Targets.joined([targets, targets]) ?? targets
        return result
    }
}
