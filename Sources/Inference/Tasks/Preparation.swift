import Numerics
import Support
import Tokenization

/// What a task may need to make the examples of a data set before a run begins.
public struct Preparation: Sendable {
    /// The model's.
    public var tokenizer: any Tokenizer
    /// Tokens of an example at most.
    public var maxLength: Int
    /// The run's seed.
    public var seed: UInt64
    /// The share of tokens that a masked language model is to guess.
    public var maskProbability: Double
    /// The model's folder, for messages.
    public var path: String
    /// Tokenizes.
    public var team: ThreadTeam

    /// A preparation of these parts.
    public init(
        tokenizer: any Tokenizer, maxLength: Int, seed: UInt64, maskProbability: Double, path: String, team: ThreadTeam
    ) {
        (self.tokenizer, self.maxLength) = (tokenizer, maxLength)
        (self.seed, self.maskProbability) = (seed, maskProbability)
        (self.path, self.team) = (path, team)
    }
}
