import Support
import Testing

struct TextWidthTests {
    @Test(arguments: [("abc", 3), ("中文", 4), ("e\u{301}", 1), ("", 0), ("한글 a", 6)])
    func `wide characters take two columns`(text: String, columns: Int) {
        #expect(text.columns == columns)
    }

    @Test func `shortening keeps to the width`() {
        #expect("abcdefgh".shortened(to: 8) == "abcdefgh")
        #expect("abcdefgh".shortened(to: 6) == "abc...")
        #expect("中文字符".shortened(to: 6) == "中...")
        #expect("abc".shortened(to: 2) == "..")
    }

    @Test func `long lines are broken at blanks`() {
        #expect("ab cd ef".wrapped(to: 5, indent: 2) == ["ab cd", "  ef"])
        #expect("ab  cd".wrapped(to: 80, indent: 2) == ["ab  cd"])
        #expect("a longer-than-that b".wrapped(to: 6, indent: 1) == ["a", " longer-than-that", " b"])
        #expect("".wrapped(to: 6, indent: 1) == [""])
    }

    @Test func `shell words are quoted where they must be`() {
        #expect(shellQuoted("runs/r8-1/model") == "runs/r8-1/model")
        #expect(shellQuoted("my run") == "'my run'")
        #expect(shellQuoted("it's $HOME") == "'it'\\''s $HOME'")
        #expect(shellQuoted("") == "''")
        #expect(shellQuoted("a;b") == "'a;b'")
    }
}
