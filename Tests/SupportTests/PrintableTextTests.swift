import Support
import Testing

struct PrintableTextTests {
    @Test func `plain text in any script is unchanged`() {
        for text in ["", "a label", "情感 😀 é", "tab-free"] { #expect(text.printable() == text) }
    }

    @Test func `control characters and direction marks are escaped`() {
        #expect("\u{1B}[31mred\r\n".printable() == #"\u{1B}[31mred\u{D}\u{A}"#)
        #expect("a\u{202E}b\u{85}".printable() == #"a\u{202E}b\u{85}"#)
    }

    @Test func `a long text keeps its beginning and its end`() {
        let text = String(repeating: "a", count: 1000) + "z"
        let shown = text.printable(limit: 30)
        #expect(shown == String(repeating: "a", count: 20) + "…" + String(repeating: "a", count: 8) + "z")
        #expect(shown.unicodeScalars.count == 30)
    }
}
