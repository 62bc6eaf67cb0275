import Foundation
import Support
import Testing

struct JSONWriterTests {
    @Test(arguments: ["plain", "", "\"\\/\u{8}\n\t\u{1F}\u{7F}", "中文 🙂 e\u{301}", "\u{2028}"])
    func `strings are read back by Foundation`(text: String) throws {
        var json = JSONWriter()
        json.raw("[")
        json.string(text)
        json.raw("]")
        #expect(try JSONDecoder().decode([String].self, from: Data(json.bytes)) == [text])
    }

    @Test(arguments: [0, 7, 10, 30_521, -1, Int32.max, Int32.min])
    func `whole numbers are written in digits`(value: Int32) {
        var json = JSONWriter()
        json.integer(value)
        #expect(String(decoding: json.bytes, as: UTF8.self) == "\(value)")
    }

    @Test func `numbers that JSON does not have are null`() {
        var json = JSONWriter()
        json.number(.nan)
        json.raw(" ")
        json.number(0.25)
        #expect(String(decoding: json.bytes, as: UTF8.self) == "null 0.25")
    }

    @Test func `controls are escaped as serde_json does`() {
        var json = JSONWriter()
        json.string("\u{8}\t\n\u{C}\r\u{1}\u{1F}\"\\/é\u{7F}")
        #expect(String(decoding: json.bytes, as: UTF8.self) == #""\b\t\n\f\r\u0001\u001f\"\\/é"# + "\u{7F}\"")
    }
}
