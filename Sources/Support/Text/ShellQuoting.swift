/// The text as one word of a shell command: as it is where that is safe, else in single quotes.
public func shellQuoted(_ text: String) -> String {
    let safe = text.unicodeScalars.allSatisfy { scalar in
        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
            || "_-./:=,+@%".unicodeScalars.contains(scalar)
    }
    if safe, !text.isEmpty { return text }
    return "'" + text.replacing("'", with: "'\\''") + "'"
}
