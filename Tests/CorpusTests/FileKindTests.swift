import Support
import Testing

@testable import Corpus

@Suite("Files that are no text")
struct FileKindTests {
    let scratch = Scratch()

    @Test(
        arguments: [
            ([0x1F, 0x8B, 8, 0], "gzip", "gunzip"), (Array("BZh91AY".utf8) + [1], "bzip2", "bunzip2"),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz", "unxz"), ([0x28, 0xB5, 0x2F, 0xFD, 4], "Zstandard", "unzstd"),
            (Array("PAR1".utf8) + [0x15, 4], "Parquet", "read_parquet"),
            (Array("ARROW1".utf8) + [0, 0], "Arrow", "pandas"),
            ([0xFF, 0xFF, 0xFF, 0xFF, 16, 0, 0, 0], "Arrow", "CSV"),
            (Array("FEA1".utf8) + [0, 0], "Feather", "pandas"),
            (Array("SQLite format 3".utf8) + [0], "SQLite", "CSV"),
            ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "Excel", "CSV"),
            (Array("PK".utf8) + [3, 4] + Array("a.csv".utf8), "zip archive", "unzip"),
            (Array("PK".utf8) + [3, 4] + Array("....xl/workbook.xml".utf8), "Excel", "save it as CSV"),
            (Array("PK".utf8) + [3, 4] + Array("....[Content_Types].xml".utf8), "Excel", "CSV"),
            (Array("%PDF-1.7".utf8), "PDF", "pdftotext"), ([0x80, 4, 0x95], "pickle", "pandas"),
            (Array("<!DOCTYPE html>".utf8), "web page", "download"),
            (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "Git LFS", "git lfs pull"),
            (Array("a,b\n1,2\n".utf8).flatMap { [$0, 0] }, "UTF-16LE", "iconv -f UTF-16LE"),
            (Array("a,b\n1,2\n".utf8).flatMap { [0, $0] }, "UTF-16BE", "iconv -f UTF-16BE"),
            ([0xFF, 0xFE, 0x61, 0], "UTF-16", "iconv -f UTF-16 "),
            ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "UTF-32", "iconv"),
        ] as [([UInt8], String, String)])
    func `the kind is named, and what to do, whatever the name says`(head: [UInt8], kind: String, advice: String) {
        for name in ["a.csv", "a.tsv", "a.jsonl", "a.dat", "a.parquet", "a.gz", "a.xlsx"]
        where name != "a.xlsx" || head[0] != 80 {
            let error = scratch.failure(of: scratch.file(name, head))
            #expect(
                error?.reason.contains(kind) == true && error?.reason.contains(advice) == true, "\(name): \(error!)")
        }
        #expect(throws: FileError.self) { try dataFileSHA256(scratch.file("b.csv", head)) }
    }

    @Test(arguments: ["PAR1 is,a\n", "ORC,b\n", "BZh,c\n", "FEA1,text\n", "Rar!,x\n", "text,label\n", "中文,b\n", "a"])
    func `text that begins like a signature is text`(text: String) {
        #expect(FileKind(head: Array(text.utf8), path: "a.csv") == nil)
    }

    @Test func `texts to classify may be web pages`() {
        #expect(FileKind(head: Array("<html>".utf8), path: "a.txt", isTable: false) == nil)
        #expect(FileKind(head: [0x1F, 0x8B], path: "-", isTable: false) != nil)
    }

    @Test func `a file that is not UTF-8 may be Windows-1252, which has all of ISO-8859-1`() {
        let bytes = Array("text,label\nit".utf8) + [0x92] + Array("s,x\n".utf8)
        let error = scratch.failure(of: scratch.file("a.csv", bytes))
        #expect(error?.reason.contains("iconv -f WINDOWS-1252 -t UTF-8") == true)
        #expect(error?.reason.contains("8859") == false)
        #expect(error?.line == 2)
    }

    @Test func `quoted headers with semicolons, and Excel's first line, hint at the separator`() throws {
        for (name, text, hint) in [
            ("a.csv", "\"text\";\"label\"\n\"a\";\"b\"\n", "semicolons"), ("b.csv", "\"text\"\t\"label\"\n", "tabs"),
            ("c.csv", "sep=;\ntext;label\n", "semicolons"), ("d.csv", "\"text\"|\"label\"\n", "bars"),
            ("e.tsv", "sep=,\ntext,label\n", "commas"), ("f.csv", "text;a, b;label\nx;y;z\n", "semicolons"),
            ("g.tsv", "\"text\";\"label\"\n", "semicolons"), ("h.csv", "SEP=\t\ntext\tlabel\n", "tabs"),
        ] {
            let error = scratch.failure(name, text)
            #expect(error?.reason.contains(hint) == true && error?.line == 1, "\(name): \(String(describing: error))")
        }
        #expect(try scratch.rows("i.csv", "sep=,\ntext,label\na,x\n") == [["x", "a"]])
        #expect(try scratch.rows("j.csv", "\"sep=,\"\r\ntext,label\r\na,x\r\n") == [["x", "a"]])
        #expect(try scratch.rows("k.tsv", "sep=\t\ntext\tlabel\na\tx\n") == [["x", "a"]])
    }
}
