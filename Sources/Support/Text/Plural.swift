/// One or many of something in a message: "1 worker", "2 workers", "3 classes".
///
/// - Parameters:
///   - count: How many.
///   - one: What one of them is called.
///   - many: What several are called; nil adds an s.
public func plural(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
}
