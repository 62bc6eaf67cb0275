/// The parts of a progress line, and how they are fitted into a terminal's width.
struct ProgressLine: Equatable {
    /// Parts in the order in which they are shown. Of the parts that do not fit, those of the highest rank go first.
    var parts: [(text: String, rank: Int)] = []
    /// The share that is done, from 0 to 1; drawn as a bar behind the first part where there is room for it.
    var done: Double?

    static func == (left: ProgressLine, right: ProgressLine) -> Bool {
        left.done == right.done && left.parts.elementsEqual(right.parts) { $0.text == $1.text && $0.rank == $1.rank }
    }

    mutating func add(_ text: String, rank: Int) { parts.append((text, rank)) }

    /// The parts for a line of a log, in at most `width` columns: without those of the highest rank where they would be
    /// more.
    func text(width: Int) -> String {
        let text = parts.map(\.text).joined(separator: " ")
        if text.columns <= width { return text }
        var line = self
        line.done = nil
        return line.fitted(to: width)
    }

    /// The line in at most `width` columns.
    func fitted(to width: Int) -> String {
        var shown = parts
        func columns() -> Int { shown.reduce(0) { $0 + $1.text.columns + 2 } - 2 }
        while shown.count > 1, columns() > width, let worst = shown.indices.max(by: { shown[$0].rank < shown[$1].rank })
        {
            shown.remove(at: worst)
        }
        var texts = shown.map(\.text)
        // Brackets, and two blanks before.
        let room = min(24, width - columns() - 4)
        if let done, shown.count == parts.count, room >= 8 { texts.insert(Self.bar(done, width: room), at: 1) }
        return texts.joined(separator: "  ").shortened(to: width)
    }

    private static func bar(_ done: Double, width: Int) -> String {
        let filled = Int((min(1, max(0, done.isFinite ? done : 0)) * Double(width)).rounded(.down))
        let head = filled < width && filled > 0 ? ">" : ""
        let body = String(repeating: "=", count: filled - head.count)
        return "[" + (body + head).padded(to: width) + "]"
    }
}
