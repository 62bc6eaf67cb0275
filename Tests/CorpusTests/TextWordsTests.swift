import Testing

@testable import Corpus

@Suite struct TextWordsTests {
    private func words(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        return TextWords(of: text).ranges.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test(arguments: [
        ("Paris, in 2024.", ["Paris", ",", "in", "2024", "."]), ("", []), (" \t\u{3000}\n", []),
        ("don't", ["don", "'", "t"]), ("我们 go到", ["我", "们", "go", "到"]), ("cafe\u{301}s!", ["cafe\u{301}s", "!"]),
        ("\u{301}a", ["\u{301}a"]), ("👍🏽 ok\u{200B}", ["👍🏽", "ok\u{200B}"]), ("東京タワー。", ["東", "京", "タ", "ワ", "ー", "。"]),
        ("Größe Ωmega", ["Größe", "Ωmega"]),
    ])
    func `texts are cut into words`(text: String, expected: [String]) { #expect(words(text) == expected) }

    @Test func `words are joined with blanks where their writing has them`() {
        let (text, ranges) = TextWords.joining(["I", "saw", "我", "们", "."]) { $0 == 3 }
        #expect(text == "I saw 我们.")
        #expect(ranges == [0..<1, 2..<5, 6..<9, 9..<12, 12..<13])
        #expect(TextWords(ranges).codePoints(in: text) == [0..<1, 2..<5, 6..<7, 7..<8, 8..<9])
    }
}
