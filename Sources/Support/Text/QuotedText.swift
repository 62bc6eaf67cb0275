/// A piece of text from outside for a message: in quotes, printable, and cut in the middle to `limit` characters, so
/// that a hostile file can neither break the one line nor flood it.
public func quoted(_ text: some StringProtocol, limit: Int = 80) -> String { "\"\(text.printable(limit: limit))\"" }
