import Foundation

/// How numbers are written for people: the same in every locale.
public enum Format {
    /// A whole number with a comma every three digits: "12,345".
    public static func count(_ value: Int) -> String {
        var groups: [String] = []
        var rest = value.magnitude
        while rest >= 1000 {
            let group = "\(rest % 1000)"
            groups.append(String(repeating: "0", count: 3 - group.count) + group)
            rest /= 1000
        }
        groups.append("\(rest)")
        return (value < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
    }

    /// Three or so digits of a large number: "950", "22.7M", "1.34G".
    public static func compact(_ value: Int) -> String {
        let units = ["", "k", "M", "G", "T", "P", "E"]
        var scaled = Double(value)
        var unit = 0
        // From 999.5 on three digits would be rounded to 1000.
        while scaled.magnitude >= 999.5, unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        if unit == 0 { return "\(value)" }
        return fixed(scaled, scaled.magnitude < 9.995 ? 2 : scaled.magnitude < 99.95 ? 1 : 0) + units[unit]
    }

    /// Bytes in powers of 1000: "87.6 MB".
    public static func bytes(_ value: Int) -> String {
        let text = compact(value)
        guard let unit = text.last, unit.isLetter else { return text + " B" }
        return text.dropLast() + " " + (unit == "k" ? "kB" : "\(unit)B")
    }

    /// A rate, such as tokens a second: "5,214", or "3.2" below 10. A rate that is not known is "-".
    public static func rate(_ value: Double) -> String {
        guard value.isFinite, value >= 0, value < 1e15 else { return "-" }
        return value < 9.95 ? fixed(value, 1) : count(Int(value.rounded()))
    }

    /// A share as a fraction with four digits: "0.9372".
    public static func share(_ value: Double) -> String { fixed(value, 4) }

    /// A loss: four digits after the point, or two digits and an exponent where that would say nothing.
    public static func loss(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        return value != 0 && value.magnitude < 0.001 || value.magnitude >= 1e6 ? scientific(value) : fixed(value, 4)
    }

    /// Two digits and an exponent: "9.1e-05".
    public static func scientific(_ value: Double) -> String {
        value == 0 ? "0" : String(format: "%.1e", value)
    }

    /// A duration in its two largest units: "0.42 s", "8.3 s", "42 s", "3 min 05 s", "2 h 07 min", "3 d 04 h". One that
    /// is not known is "-".
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "-" }
        if seconds < 0.995 { return fixed(seconds, 2) + " s" }
        if seconds < 9.95 { return fixed(seconds, 1) + " s" }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(twoDigits(whole % 60)) s" }
        let minutes = Int((seconds / 60).rounded())
        if minutes < 24 * 60 { return "\(minutes / 60) h \(twoDigits(minutes % 60)) min" }
        let hours = Int((seconds / 3600).rounded())
        return "\(hours / 24) d \(twoDigits(hours % 24)) h"
    }

    /// One or many of something: "1 worker", "2 workers", "3 classes".
    public static func plural(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(Format.count(count)) \(count == 1 ? one : many ?? one + "s")"
    }

    private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    private static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
