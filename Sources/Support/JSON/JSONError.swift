/// Why a text is not the JSON that it should be.
public struct JSONError: Error, Equatable {
    /// What is wrong.
    public var problem: String
    /// Where, in bytes from 0.
    public var byte: Int
    /// The line, from 1.
    public var line: Int

    /// An error at a place.
    public init(problem: String, byte: Int, line: Int) {
        self.problem = problem
        self.byte = byte
        self.line = line
    }

    /// What is wrong, and at which byte.
    public var reason: String { "\(problem) at byte \(byte)" }
}
