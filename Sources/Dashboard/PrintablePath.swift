import Support

extension String {
    /// The text as it can be shown on one line of a terminal: see `printable(limit:)`, here with room for a path.
    var printable: String { printable(limit: 600) }
}
