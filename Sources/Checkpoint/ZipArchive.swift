import Support

/// A zip archive whose members are stored without compression, as `torch.save` writes it, ZIP64 included.
///
/// The format is that of PKWARE's APPNOTE.TXT 6.3. A reader of stored members alone is small, and cannot be made to
/// expand anything; none of the packages that are used has one.
struct ZipArchive {
    /// What the central directory says of a member.
    struct Member {
        fileprivate var flags: UInt16
        fileprivate var method: UInt16
        fileprivate var crc: UInt32
        fileprivate var size: Int
        fileprivate var storedSize: Int
        fileprivate var headerOffset: Int
    }

    /// By name.
    let members: [String: Member]
    private let file: UnsafeRawBufferPointer
    private let path: String

    /// The first bytes of a member, and so of an archive with members.
    static let signature: [UInt8] = [0x50, 0x4B, 0x03, 0x04]

    /// Reads the directory of an archive.
    ///
    /// - Parameters:
    ///   - file: The whole file, which must stay as long as the archive is used.
    ///   - path: For messages.
    /// - Throws: An error that says what is wrong with the directory.
    init(_ file: UnsafeRawBufferPointer, path: String) throws(FileError) {
        (self.file, self.path) = (file, path)
        let directory = try Self.directory(file, path)
        var members: [String: Member] = [:]
        var at = directory.range.lowerBound
        var total = 0
        for _ in 0..<directory.count {
            guard at + 46 <= directory.range.upperBound, file.little32(at) == 0x0201_4B50 else {
                throw Self.invalid(path, "its directory is cut off or damaged at byte \(at)")
            }
            let (nameLength, extraLength) = (Int(file.little16(at + 28)), Int(file.little16(at + 30)))
            let end = at + 46 + nameLength + extraLength + Int(file.little16(at + 32))
            guard end <= directory.range.upperBound else {
                throw Self.invalid(path, "its directory is cut off or damaged at byte \(at)")
            }
            let bytes = UnsafeRawBufferPointer(rebasing: file[(at + 46)..<(at + 46 + nameLength)])
            guard let name = String(validating: bytes, as: UTF8.self) else {
                throw Self.invalid(path, "the name of the member at byte \(at) is not UTF-8")
            }
            let member = try Self.member(
                file, at, extra: (at + 46 + nameLength)..<(at + 46 + nameLength + extraLength), name: name, path)
            guard members.updateValue(member, forKey: name) == nil else {
                throw Self.invalid(path, "the member \(quoted(name)) comes twice")
            }
            // Members that lie over each other could make a small file take for ever to check.
            total += member.storedSize
            guard total <= file.count else {
                throw Self.invalid(path, "its members are larger than the file: is the download complete?")
            }
            at = end
        }
        self.members = members
    }

    private static func invalid(_ path: String, _ reason: String) -> FileError {
        FileError(path, "not a valid zip archive: \(reason)")
    }

    /// Where the central directory is, and how many members it lists.
    private static func directory(
        _ file: UnsafeRawBufferPointer, _ path: String
    ) throws(FileError) -> (range: Range<Int>, count: Int) {
        // The end record has a comment of up to 65,535 bytes behind it.
        let earliest = max(0, file.count - 22 - 0xFFFF)
        var end = file.count - 22
        while end >= earliest,
            file.little32(end) != 0x0605_4B50 || end + 22 + Int(file.little16(end + 20)) != file.count
        {
            end -= 1
        }
        guard end >= earliest else {
            throw invalid(path, "the record at its end is missing: is the download complete?")
        }
        var (count, size, offset) = (
            Int(file.little16(end + 10)), Int(file.little32(end + 12)), Int(file.little32(end + 16))
        )
        var limit = end
        if end >= 20, file.little32(end - 20) == 0x0706_4B50 {
            // ZIP64: a locator names the place of a record with larger fields.
            guard let record = file.natural64(end - 20 + 8), record <= end - 20 - 56,
                file.little32(record) == 0x0606_4B50,
                let longCount = file.natural64(record + 32), let longSize = file.natural64(record + 40),
                let longOffset = file.natural64(record + 48)
            else { throw invalid(path, "its ZIP64 record is damaged") }
            (count, size, offset) = (longCount, longSize, longOffset)
            limit = record
        }
        guard offset <= limit, size <= limit - offset, count <= size / 46 else {
            throw invalid(path, "its directory lies outside of the file: is the download complete?")
        }
        return (offset..<(offset + size), count)
    }

    /// Reads an entry of the directory.
    private static func member(
        _ file: UnsafeRawBufferPointer, _ at: Int, extra: Range<Int>, name: String, _ path: String
    ) throws(FileError) -> Member {
        var member = Member(
            flags: file.little16(at + 8), method: file.little16(at + 10), crc: file.little32(at + 16),
            size: Int(file.little32(at + 24)), storedSize: Int(file.little32(at + 20)),
            headerOffset: Int(file.little32(at + 42)))
        // Fields that are too large for 32 bits stand in a record of kind 1, in this order.
        let fields = [\Member.size, \Member.storedSize, \Member.headerOffset].filter {
            member[keyPath: $0] == 0xFFFF_FFFF
        }
        guard !fields.isEmpty else { return member }
        var record = extra.lowerBound
        while record + 4 <= extra.upperBound {
            let content = (record + 4)..<(record + 4 + Int(file.little16(record + 2)))
            guard content.upperBound <= extra.upperBound else { break }
            if file.little16(record) == 1, content.count >= 8 * fields.count {
                for (i, field) in fields.enumerated() {
                    guard let value = file.natural64(content.lowerBound + 8 * i), value <= file.count else {
                        throw invalid(path, "the member \(quoted(name)) lies outside of the file")
                    }
                    member[keyPath: field] = value
                }
                return member
            }
            record = content.upperBound
        }
        throw invalid(path, "the ZIP64 record of the member \(quoted(name)) is missing")
    }

    /// The bytes of a member, whose checksum is right.
    ///
    /// - Returns: Their place in the file.
    /// - Throws: An error that names the member if it is not there, is compressed or encrypted, or damaged.
    func range(of name: String) throws(FileError) -> Range<Int> {
        guard let member = members[name] else {
            throw Self.invalid(path, "the member \(quoted(name)) is missing")
        }
        guard member.method == 0 else {
            throw FileError(
                path,
                "its member \(quoted(name)) is compressed (method \(member.method)), which torch.save does not do; "
                    + "load it with torch and save it again")
        }
        guard member.flags & 1 == 0 else { throw FileError(path, "its member \(quoted(name)) is encrypted") }
        let header = member.headerOffset
        guard member.size == member.storedSize, header <= file.count - 30, file.little32(header) == 0x0403_4B50 else {
            throw Self.invalid(path, "the member \(quoted(name)) is damaged, or lies outside of the file")
        }
        let nameEnd = header + 30 + Int(file.little16(header + 26))
        let start = nameEnd + Int(file.little16(header + 28))
        guard start <= file.count, member.size <= file.count - start else {
            throw Self.invalid(path, "the member \(quoted(name)) is cut off: is the download complete?")
        }
        guard file[(header + 30)..<nameEnd].elementsEqual(name.utf8) else {
            throw Self.invalid(path, "the member \(quoted(name)) has another name where it stands")
        }
        let range = start..<(start + member.size)
        guard CRC32.checksum(UnsafeRawBufferPointer(rebasing: file[range])) == member.crc else {
            throw FileError(path, "the checksum of its member \(quoted(name)) is wrong: the file is damaged")
        }
        return range
    }
}

extension UnsafeRawBufferPointer {
    /// Two bytes at `offset`, which must be within the buffer, least significant first.
    fileprivate func little16(_ offset: Int) -> UInt16 {
        UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// See ``little16(_:)``.
    fileprivate func little32(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Eight bytes as a number; nil if it is larger than an `Int`.
    fileprivate func natural64(_ offset: Int) -> Int? {
        Int(exactly: UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
    }
}
