import Crypto
import Foundation
import Support
import Testing

@testable import Corpus

/// Makes small package archives.
enum ArchiveFixture {
    /// A zip file without compression (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16).
    static func zip(_ members: [(name: String, contents: [UInt8])]) -> [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        func little(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        for member in members {
            let size = little(member.contents.count, 4)
            // Version 1.0, no flags, stored, 1 January 1980.
            var common = little(10, 2) + little(0, 4) + little(0, 2) + little(33, 2)
            common +=
                little(Int(crc32(member.contents)), 4) + size + size + little(member.name.utf8.count, 2) + little(0, 2)
            directory += little(0x0201_4B50, 4) + little(10, 2) + common
            directory += little(0, 10) + little(bytes.count, 4) + Array(member.name.utf8)
            bytes += little(0x0403_4B50, 4) + common + Array(member.name.utf8) + member.contents
        }
        let start = bytes.count
        bytes += directory + little(0x0605_4B50, 4) + little(0, 4) + little(members.count, 2) + little(members.count, 2)
        return bytes + little(directory.count, 4) + little(start, 4) + little(0, 2)
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

    /// A compressed tar file with members of these texts.
    static func tarGzip(_ members: [(name: String, contents: String)], in scratch: Scratch) throws -> [UInt8] {
        let folder = "\(scratch.path)/\(UUID().uuidString)"
        for member in members {
            let place = URL(fileURLWithPath: "\(folder)/\(member.name)")
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(member.contents.utf8).write(to: place)
        }
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = ["tar", "-czf", "\(folder).tgz", "-C", folder] + members.map(\.name)
        try tar.run()
        tar.waitUntilExit()
        #expect(tar.terminationStatus == 0)
        return Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder).tgz")))
    }

    /// An entry whose archive is of these bytes.
    static func entry(_ name: String, _ contents: FetchEntry.Contents, archive: [UInt8], file: String) -> FetchEntry {
        FetchEntry(
            name: name, summary: "a test", classes: 2, trainExamples: 0, testExamples: 0, languages: [],
            licence: "none",
            archive: PackageArchive(
                package: "test-package", version: "1", file: file, sha256: Hex.encode(SHA256.hash(data: archive)),
                bytes: archive.count),
            contents: contents)
    }
}
