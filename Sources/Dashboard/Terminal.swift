import Foundation
import Support

/// What is known about the place that lines are written to.
public struct TerminalTraits: Sendable, Equatable {
    /// Whether a line can be redrawn in place.
    public var isInteractive: Bool
    /// Whether colours and bold type may be used.
    public var usesColor: Bool

    /// Traits given by hand.
    public init(isInteractive: Bool, usesColor: Bool) {
        self.isInteractive = isInteractive
        self.usesColor = usesColor
    }

    /// The traits of a file descriptor. Colours are off where `NO_COLOR` is set and not empty (no-color.org).
    public init(
        descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        let isTerminal = isatty(descriptor) == 1
        let term = environment["TERM"] ?? ""
        isInteractive = isTerminal && term != "dumb" && !term.isEmpty
        usesColor = isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
    }

    /// The columns of the terminal behind a file descriptor; 80 where that is not known.
    public static func width(of descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

extension String {
    /// The last look at a line before it is shown: of control characters, only what ``Style`` makes goes through, and
    /// what is too long to be read is cut in the middle. What is put into lines is made safe where that is done;
    /// this is for what was forgotten there.
    var shown: String {
        var rest = self[...]
        var result = ""
        while let mark = rest.firstMatch(of: /\u{1B}\[(0|1|2|33)m/) {
            result += rest[..<mark.range.lowerBound].printable(limit: Self.shownLimit) + mark.0
            rest = rest[mark.range.upperBound...]
        }
        return result + rest.printable(limit: Self.shownLimit)
    }

    private static var shownLimit: Int { 1000 }
}

/// How text is set off on a terminal (ECMA-48 "select graphic rendition").
enum Style: String, CaseIterable {
    case bold = "1"
    case yellow = "33"

    func applied(to text: String, _ on: Bool) -> String {
        on ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
