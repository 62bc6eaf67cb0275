import Foundation
import Support
import Testing

struct TextTableTests {
    @Test func `a table aligns its columns and names them in JSON`() throws {
        var table = TextTable(columns: ["name", "ms"])
        table.add([.text("short"), .number(1.25, decimals: 1)])
        table.add([.text("much longer"), .number(.nan, decimals: 0)])
        #expect(table.text == "name          ms\nshort        1.2\nmuch longer  nan")
        let rows = try #require(
            try JSONSerialization.jsonObject(with: Data(try table.json().utf8)) as? [[String: Any]])
        #expect(rows.count == 2)
        #expect(rows[0]["ms"] as? Double == 1.25)
        #expect(rows[1]["ms"] is NSNull)
    }

    @Test func `wide characters take two columns, and figures stand to the right`() {
        var table = TextTable(columns: ["class", "count"])
        table.add([.text("好评"), .figure("1,203")])
        table.add([.text("negative"), .figure(".")])
        #expect(table.lines == ["class     count", "好评      1,203", "negative      ."])
        #expect(Set(table.lines.map(\.columns)).count == 1)
    }

    @Test func `a table without rows has its heading`() throws {
        let table = TextTable(columns: ["a", "b"])
        #expect(table.text == "a  b")
        #expect(try JSONSerialization.jsonObject(with: Data(try table.json().utf8)) as? [String] == [])
    }
}
