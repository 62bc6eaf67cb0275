import Foundation

/// What a file is that is no text in UTF-8, judging by its first bytes: so that a message can name it, and what to do.
public struct FileKind: Sendable, Equatable {
    /// What it is and what to do, to follow the file's name.
    public let advice: String

    /// Bytes from the beginning of a file by which all kinds are distinguished.
    public static let headSize = 512

    /// The kind of a file that begins with `head`; nil for what may be text in UTF-8.
    ///
    /// - Parameters:
    ///   - head: The first bytes, ``headSize`` of them if there are so many.
    ///   - path: The file's name, which distinguishes kinds of zip files.
    ///   - isTable: Whether it ought to be a table or JSON Lines: then a web page and a pointer of Git LFS are none.
    public init?(head: some Collection<UInt8>, path: String, isTable: Bool = true) {
        let head = Array(head.prefix(Self.headSize))
        guard
            let advice = Self.encodingAdvice(head) ?? Self.advice(head, end: Self.end(of: path))
                ?? (isTable ? Self.documentAdvice(head) : nil)
        else { return nil }
        self.advice = advice
    }

    private static func end(of path: String) -> String { (path as NSString).pathExtension.lowercased() }

    private static let signatures: [(bytes: [UInt8], advice: String)] = [
        ([0x1F, 0x8B], compressed("gzip", "gunzip")),
        (Array("BZh".utf8), compressed("bzip2", "bunzip2")),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], compressed("xz", "unxz")),
        ([0x28, 0xB5, 0x2F, 0xFD], compressed("Zstandard", "unzstd")),
        ([0x04, 0x22, 0x4D, 0x18], compressed("LZ4", "unlz4")),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "is a 7-Zip archive; unpack it first, as with 7z x"),
        (Array("Rar!".utf8), "is a RAR archive; unpack it first, as with unrar x"),
        (Array("PAR1".utf8), table("a Parquet file", "read_parquet")),
        (Array("ARROW1".utf8), table("an Arrow file", "read_feather")),
        (Array("FEA1".utf8), table("a Feather file", "read_feather")),
        (
            [0xFF, 0xFF, 0xFF, 0xFF],
            converted("an Arrow stream, as in a dataset folder of Hugging Face,", "its to_csv")
        ),
        (Array("ORC".utf8), table("an ORC file", "read_orc")),
        (Array("Obj\u{1}".utf8), converted("an Avro file", "fastavro and pandas")),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], workbook),
        (Array("SQLite format 3\0".utf8), converted("an SQLite database", "sqlite3 -header -csv")),
        ([0x93] + Array("NUMPY".utf8), converted("a NumPy array", "Python")),
        ([0x89] + Array("HDF".utf8), table("an HDF5 file", "read_hdf")),
        ([0x80, 0x03], pickle), ([0x80, 0x04], pickle), ([0x80, 0x05], pickle),
        (Array("%PDF".utf8), converted("a PDF document", "pdftotext")),
        ([0x89] + Array("PNG".utf8), "is a picture; give texts"), ([0xFF, 0xD8, 0xFF], "is a picture; give texts"),
        ([0x7F] + Array("ELF".utf8), "is a program; give texts"),
    ]

    private static let pickle = table("a Python pickle", "read_pickle")
    private static let workbook = "is an Excel workbook; save it as CSV in UTF-8 there"

    private static func compressed(_ kind: String, _ tool: String) -> String {
        "is compressed with \(kind); unpack it first, as with \(tool)"
    }

    private static func converted(_ kind: String, _ tool: String) -> String {
        "is \(kind); convert it to CSV or JSON Lines first, as with \(tool)"
    }

    private static func table(_ kind: String, _ reader: String) -> String {
        "is \(kind); convert it to CSV first, as with pandas: \(reader)(…).to_csv(…, index=False)"
    }

    private static func advice(_ head: [UInt8], end: String) -> String? {
        if head.starts(with: Array("PK\u{3}\u{4}".utf8)) || head.starts(with: Array("PK\u{5}\u{6}".utf8)) {
            return zipAdvice(head, end: end)
        }
        if let known = signatures.first(where: { head.starts(with: $0.bytes) && isMeant($0.bytes, head) }) {
            return known.advice
        }
        if head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) {
            return "is a tar archive; unpack it first, as with tar -xf"
        }
        return nil
    }

    /// Texts that are not the data that was meant.
    private static func documentAdvice(_ head: [UInt8]) -> String? {
        let text = String(decoding: head.prefix(256), as: UTF8.self).drop(while: \.isWhitespace).lowercased()
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") {
            return "is a web page, not data; download the file itself (the \"raw\" one)"
        }
        if text.hasPrefix("version https://git-lfs.github.com/spec") {
            return "is a pointer of Git LFS, not the data; get them with git lfs pull"
        }
        return nil
    }

    /// Signatures that are letters may begin a text: then there must be bytes that no text has.
    private static func isMeant(_ signature: [UInt8], _ head: [UInt8]) -> Bool {
        guard signature.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }), !signature.starts(with: Array("%PDF".utf8)) else {
            return true
        }
        return head.contains { $0 < 9 || $0 > 13 && $0 < 32 }
    }

    private static func zipAdvice(_ head: [UInt8], end: String) -> String {
        // The names of the first members stand in the clear.
        let text = String(decoding: head, as: UTF8.self)
        if ["xlsx", "xlsm", "xlsb"].contains(end) || text.contains("xl/") { return workbook }
        if ["ods", "odt"].contains(end) || text.contains("opendocument") {
            return "is an OpenDocument file; save it as CSV in UTF-8 there"
        }
        if end == "docx" || text.contains("word/") { return "is a Word document; save it as text in UTF-8 there" }
        if end == "npz" { return converted("an archive of NumPy arrays", "Python") }
        if text.contains("[Content_Types].xml") { return workbook }
        return "is a zip archive; unpack it first, as with unzip"
    }

    /// UTF-16 and UTF-32, with a byte order mark or without: then every second byte of ASCII text is 0.
    private static func encodingAdvice(_ head: [UInt8]) -> String? {
        func from(_ name: String) -> String { "is \(name); convert it to UTF-8, as with iconv -f \(name) -t UTF-8" }
        if head.starts(with: [0xFF, 0xFE, 0, 0]) || head.starts(with: [0, 0, 0xFE, 0xFF]) { return from("UTF-32") }
        if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) { return from("UTF-16") }
        let pairs = head.count / 2
        guard pairs >= 4 else { return nil }
        var zeros = (even: 0, odd: 0)
        for i in 0..<pairs {
            if head[2 * i] == 0 { zeros.even += 1 }
            if head[2 * i + 1] == 0 { zeros.odd += 1 }
        }
        if zeros.odd * 5 >= pairs * 4, zeros.even == 0 { return from("UTF-16LE") }
        if zeros.even * 5 >= pairs * 4, zeros.odd == 0 { return from("UTF-16BE") }
        return nil
    }
}

/// What to do with text that is no UTF-8.
///
/// Windows-1252 has ISO-8859-1 within it, and letters and quotes where that has control characters.
public let notUTF8Advice =
    "convert the file to UTF-8, as with iconv -f WINDOWS-1252 -t UTF-8 (or -f GB18030, SHIFT_JIS, …: what it is "
    + "written in)"
