/// The order of UTF-8 bytes, which is that of code points. Swift's own `<` sorts by canonical equivalence.
public func precedesInUTF8(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
