/// A coding key that is known only when the program runs, such as the name of a metric.
public struct FreeKey: CodingKey {
    /// See `CodingKey`.
    public var stringValue: String
    /// Always nil.
    public var intValue: Int? { nil }

    /// The key of this name.
    public init(_ name: String) { stringValue = name }
    /// See `CodingKey`.
    public init(stringValue: String) { self.init(stringValue) }
    /// There is none.
    public init?(intValue: Int) { nil }
}
