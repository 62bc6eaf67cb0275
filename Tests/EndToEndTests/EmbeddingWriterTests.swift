import Foundation
import TestSupport
import Testing

@testable import shoal

@Suite struct EmbeddingWriterTests {
    @Test func `an array of NumPy has its header, and is there when it is whole`() throws {
        let scratch = try Scratch()
        let path = scratch.file("a.npy")
        let writer = try EmbeddingWriter(path, width: 2)
        try writer.append([[1, -2], [0.5, .pi]])
        try writer.append([[3, 4]])
        #expect(!FileManager.default.fileExists(atPath: path))
        try writer.finish()
        #expect(try scratch.names() == ["a.npy"])
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(bytes.prefix(10) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0])
        let header = String(decoding: bytes[10..<128], as: UTF8.self)
        #expect(
            header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }") && header.hasSuffix(" \n"))
        let floats = bytes[128...].withUnsafeBytes { buffer in
            (0..<6).map { Float(bitPattern: buffer.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
        #expect(floats == [1, -2, 0.5, .pi, 3, 4] && bytes.count == 128 + 24)
    }

    @Test func `lines of JSON are written, and nothing is left of what is not finished`() throws {
        let scratch = try Scratch()
        let writer = try EmbeddingWriter(scratch.file("a.jsonl"), width: 2)
        try writer.append([[1, -2.5]])
        try writer.finish()
        #expect(
            try String(contentsOfFile: scratch.file("a.jsonl"), encoding: .utf8) == "{\"embedding\": [1.0, -2.5]}\n")
        do {
            let other = try EmbeddingWriter(scratch.file("b.jsonl"), width: 2)
            try other.append([[1, 2]])
        }
        #expect(try scratch.names() == ["a.jsonl"])
        #expect(
            failure { _ = try EmbeddingWriter(scratch.file("no/c.npy"), width: 2) }.contains(
                "no/c.npy: cannot create it"))
    }
}
