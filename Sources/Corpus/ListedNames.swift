import Support

/// Some of many names in a message: the first twenty, and how many more.
func listed(_ names: [String]) -> String {
    let head = names.prefix(20).map { quoted($0) }.joined(separator: ", ")
    return names.count > 20 ? "\(head) and \(names.count - 20) more" : head
}
