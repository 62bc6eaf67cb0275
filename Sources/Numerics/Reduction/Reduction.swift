/// What a step's summation gave besides the sum.
public struct Reduction: Sendable, Equatable {
    /// The most bytes that one rank may attach to a step.
    public static let maxPiggybackBytes = 65_536

    /// The sum of the squares of all floats of the result, added in an order that depends on the buckets alone. The
    /// gradient is not scaled.
    public var sumOfSquares: Double
    /// Bytes sent to peers in this step, headers included.
    public var bytesSent: Int
    /// What each rank attached to the step, by rank.
    public var piggybacks: [[UInt8]]

    /// A reduction of these parts.
    public init(sumOfSquares: Double, bytesSent: Int, piggybacks: [[UInt8]]) {
        self.sumOfSquares = sumOfSquares
        self.bytesSent = bytesSent
        self.piggybacks = piggybacks
    }
}
