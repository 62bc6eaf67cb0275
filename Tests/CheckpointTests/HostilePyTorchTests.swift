import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Files that no honest torch has written: each is refused with a reason, and none of them does anything.
@Suite struct HostilePyTorchTests {
    let floats = [UInt8](repeating: 0, count: 16)

    func message(_ archive: PyTorchArchive, change: (inout [UInt8]) -> Void = { _ in }) throws -> String {
        let scratch = try Scratch()
        var bytes = archive.bytes()
        change(&bytes)
        let path = try scratch.write(bytes, "x.bin")
        let message = failure { _ = try PyTorchFile(path: path) }
        #expect(message.hasPrefix("\(path): "))
        return message
    }

    func message(pickle: [UInt8]) throws -> String {
        try message(PyTorchArchive(pickle: pickle, storages: ["0": floats]))
    }

    @Test func `a pickle that calls a program is refused by its name`() throws {
        let call = Pickle.global("posix", "system") + Pickle.tuple(Pickle.text("touch /nothing")) + [0x52]
        let text = try message(pickle: Pickle.file(Pickle.dictionary(call)))
        #expect(text.contains("the pickle of m/data.pkl, at byte "))
        #expect(text.contains("refers to \"posix.system\", which no tensor needs"))
        for (module, name) in [
            ("builtins", "eval"), ("torch", "load"), ("torch._utils", "_rebuild_qtensor"), ("collections", "deque"),
            ("torch", "FloatTensor"), ("numpy.core.multiarray", "_reconstruct"),
        ] {
            let text = try message(pickle: Pickle.file(Pickle.global(module, name)))
            #expect(text.contains("refers to \"\(module).\(name)\""), "\(text)")
        }
        let stacked = Pickle.text("os") + Pickle.text("system") + [0x93]
        #expect(try message(pickle: Pickle.file(stacked)).contains("refers to \"os.system\""))
        let strange = try message(pickle: Pickle.file(Pickle.global("a\u{1B}[2J", "b")))
        #expect(!strange.contains("\u{1B}"))
    }

    @Test(arguments: [
        (UInt8(0x69), "INST"), (0x6F, "OBJ"), (0x81, "NEWOBJ"), (0x92, "NEWOBJ_EX"), (0x50, "PERSID"), (0x82, "EXT1"),
        (0x32, "DUP"), (0x43, "SHORT_BINBYTES"), (0x8F, "EMPTY_SET"), (0xFE, "0xfe"), (0x01, "0x01"),
    ])
    func `an operation that tensors do not need is refused by its name`(byte: UInt8, name: String) throws {
        let text = try message(pickle: Pickle.file([0x7D], [byte]))
        #expect(text.contains("has the operation \(name), which no tensor needs"), "\(text)")
    }

    @Test func `pickles that make no sense are refused`() throws {
        let cases: [([UInt8], String)] = [
            ([], "is cut off"), ([0x80, 2], "is cut off"), ([0x80, 1, 0x2E], "has protocol 1"),
            (Pickle.file(), "ends with 0 values"), (Pickle.file([0x4E, 0x4E]), "ends with 2 values"),
            (Pickle.file([0x28, 0x4E]), "ends with 1 values"), (Pickle.file([0x4E]), "holds None, not the state dict"),
            (Pickle.file([0x52]), "takes a value that is not there"), (Pickle.file([0x74]), "a mark that is not there"),
            (Pickle.file([0x68, 7]), "uses value 7, which was never kept"),
            (Pickle.file([0x7D, 0x28, 0x4E, 0x75]), "a key without a value"),
            (Pickle.file([0x5D, 0x4E, 0x4E, 0x73]), "sets a key of what is no dictionary"),
            (Pickle.file([0x7D, 0x4E, 0x61]), "appends to what is no list"),
            (Pickle.file([0x58, 0xFF, 0xFF, 0xFF, 0xFF]), "is cut off"),
            (Pickle.file([0x8D] + [UInt8](repeating: 0xFF, count: 8)), "a number that is too large"),
            (Pickle.file([0x8D] + [UInt8](repeating: 0xFF, count: 7) + [0x7F]), "is cut off"),
            (Pickle.file([0x58, 1, 0, 0, 0, 0xFF]), "not UTF-8"), (Pickle.file([0x63, 0x61]), "is cut off in a name"),
            (Pickle.file([0x8A, 9] + [UInt8](repeating: 1, count: 9)), "an integer of 9 bytes"),
            (Pickle.file([0x7D, 0x4E, 0x62]), "sets attributes of what is no dictionary"),
            (Pickle.file([0x7D] + Pickle.dictionary([0x4E]) + [0x62]), "attributes of a dictionary that a state dict"),
            (Pickle.file([0x4E, 0x51]), "names a storage in a way that is not known"),
            (Pickle.file(Pickle.dictionary([0x4E], key: [0x4E])), "has a key that is None"),
            (Pickle.file(Pickle.dictionary([0x4E])), "\"w\" is None, not a tensor"),
            (Pickle.file(Pickle.global("torch", "FloatStorage") + [0x29, 0x52]), "makes a storage of its own"),
            (Pickle.file([0x4E, 0x29, 0x52]), "calls what is no function"),
            (Pickle.file([0x4E, 0x4E, 0x52]), "calls with what is no tuple"),
            (
                Pickle.file(
                    [0x7D, 0x28] + Pickle.text("w") + Pickle.tensor() + Pickle.text("w") + Pickle.tensor() + [0x75]),
                "tensor \"w\" comes twice"
            ),
        ]
        for (pickle, expected) in cases {
            let text = try message(pickle: pickle)
            #expect(text.contains(expected), "\(text)")
        }
    }

    @Test func `tensors outside of their storage are refused`() throws {
        let big = Pickle.long(.max)
        func tensor(_ offset: [UInt8], _ shape: [UInt8], _ strides: [UInt8]) -> [UInt8] {
            Pickle.tensor(offset: offset, shape: shape, strides: strides)
        }
        let (zero, one) = (Pickle.integer(0), Pickle.integer(1))
        for tensor in [
            tensor(one, Pickle.tuple(Pickle.integer(4)), Pickle.tuple(one)),
            tensor(zero, Pickle.tuple(Pickle.integer(5)), Pickle.tuple(one)),
            tensor(zero, Pickle.tuple(Pickle.integer(3)), Pickle.tuple(Pickle.integer(2))),
            tensor(zero, Pickle.tuple(Pickle.integer(5)), Pickle.tuple(zero)),
            tensor(zero, Pickle.tuple(big, big), Pickle.tuple(big, big)),
            tensor(zero, Pickle.tuple(Pickle.integer(2)), Pickle.tuple(big)),
            tensor(big, Pickle.tuple(one), Pickle.tuple(one)),
            tensor(Pickle.integer(-1), Pickle.tuple(one), Pickle.tuple(one)),
            tensor(zero, Pickle.tuple(one, one), Pickle.tuple(one)),
        ] {
            let text = try message(pickle: Pickle.file(Pickle.dictionary(tensor)))
            #expect(text.contains("that lies outside of its storage of 4 elements"), "\(text)")
        }
        let negative = tensor(zero, Pickle.tuple(Pickle.integer(-1)), Pickle.tuple(one))
        #expect(try message(pickle: Pickle.file(Pickle.dictionary(negative))).contains("in a way that is not known"))
        // A stride that is never taken may be anything.
        let scratch = try Scratch()
        let odd = tensor(zero, Pickle.tuple(one, Pickle.integer(2)), Pickle.tuple(big, Pickle.integer(3)))
        let archive = PyTorchArchive(pickle: Pickle.file(Pickle.dictionary(odd)), storages: ["0": floats])
        let file = try PyTorchFile(path: scratch.write(archive.bytes(), "x.bin"))
        var values: [Float] = [9, 9]
        try values.withUnsafeMutableBufferPointer { try file.readFloats("w", into: $0) }
        #expect(values == [0, 0])
    }

    @Test func `storages that lie are refused`() throws {
        let huge = Pickle.tensor(Pickle.storage("0", Pickle.long(.max)))
        #expect(
            try message(pickle: Pickle.file(Pickle.dictionary(huge))).contains(
                "storage \"0\" has 16 bytes, but 9223372036854775807 elements of F32"))
        let lost = Pickle.tensor(Pickle.storage("../../x"))
        #expect(
            try message(pickle: Pickle.file(Pickle.dictionary(lost))).contains(
                "the member \"m/data/../../x\" is missing"))
        let two =
            [0x7D, 0x28] + Pickle.text("a") + Pickle.tensor() + Pickle.text("b")
            + Pickle.tensor(Pickle.storage(type: "IntStorage")) + [0x75]
        #expect(try message(pickle: Pickle.file(two)).contains("storage \"0\" is described in two ways"))
    }

    @Test func `a structure that contains itself, or is very deep, is no danger`() throws {
        // d = {}; d["w"] = d
        let cycle = Pickle.file([0x7D, 0x71, 0], Pickle.text("w") + [0x68, 0, 0x73])
        #expect(try message(pickle: cycle).contains("\"w\" is a tuple, list or dictionary, not a tensor"))
        let deep = [UInt8](repeating: 0x85, count: 1_000_000)
        #expect(try message(pickle: Pickle.file([0x4E], deep)).contains("not the state dict"))
    }

    @Test func `archives that lie are refused`() throws {
        let good = PyTorchArchive(
            pickle: Pickle.file(Pickle.dictionary(Pickle.tensor())), storages: ["0": floats])
        func changed(_ member: Int, _ change: (inout PyTorchArchive.Member) -> Void) -> PyTorchArchive {
            var archive = good
            change(&archive.members[member])
            return archive
        }
        #expect(
            try message(changed(2) { $0.crcError = 1 }).contains("the checksum of its member \"m/data/0\" is wrong"))
        #expect(try message(changed(0) { $0.method = 8 }).contains("\"m/data.pkl\" is compressed (method 8)"))
        #expect(try message(changed(2) { $0.flags = 1 }).contains("\"m/data/0\" is encrypted"))
        #expect(try message(changed(2) { $0.name = "m/byteorder" }).contains("\"m/byteorder\" comes twice"))
        #expect(try message(changed(0) { $0.name = "m/other.pkl" }).contains("it has 0 members */data.pkl"))
        #expect(try message(changed(1) { $0.bytes = Array("big".utf8) }).contains("not in little-endian order"))
        let two = changed(1) { $0.name = "n/data.pkl" }
        #expect(try message(two).contains("it has 2 members */data.pkl"))
        // 2^32 - 1 bytes without the record that would say how many they are.
        let sizes = try message(good) { bytes in
            let directory = bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) } ?? 0
            for i in 20..<28 { bytes[directory + i] = 0xFF }
        }
        #expect(sizes.contains("the ZIP64 record of the member \"m/data.pkl\" is missing"), "\(sizes)")
        let count = try message(good) {
            $0.replaceSubrange(($0.count - 14)..<($0.count - 10), with: [0xFF, 0xFF, 0xFF, 0xFF])
        }
        #expect(count.contains("its directory lies outside of the file"), "\(count)")
    }

    /// Opens a file, and reads all of its tensors where it opens: there must be a result or an error, no trap.
    func use(_ bytes: [UInt8], _ scratch: Scratch) throws -> Bool {
        guard let file = try? PyTorchFile(path: scratch.write(bytes, "x.bin")) else { return false }
        for name in file.names {
            var floats = [Float](repeating: 0, count: file.shape(of: name)?.reduce(1, *) ?? 0)
            try? floats.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        }
        return true
    }

    @Test(arguments: ["zip.bin", "old.bin"])
    func `a file that is cut off anywhere is refused`(name: String) throws {
        let scratch = try Scratch()
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: PyTorchFileTests.fixture(name))))
        #expect(try use(whole, scratch))
        for length in stride(from: 0, to: whole.count, by: whole.count / 300 + 1) {
            #expect(try !use(Array(whole[..<length]), scratch), "\(length)")
        }
    }

    @Test func `no changed byte makes a trap`() throws {
        let scratch = try Scratch()
        let pickle = Pickle.file(
            Pickle.global("collections", "OrderedDict") + [0x29, 0x52, 0x71, 0, 0x28] + Pickle.text("w"),
            Pickle.tensor(),
            Pickle.text("v"),
            Pickle.tensor(shape: Pickle.tuple(Pickle.integer(2)), strides: Pickle.tuple(Pickle.integer(2))),
            [0x75])
        func archive(_ pickle: [UInt8]) -> [UInt8] {
            PyTorchArchive(pickle: pickle, storages: ["0": floats]).bytes()
        }
        #expect(try use(archive(pickle), scratch))
        var refused = 0
        for place in pickle.indices {
            for value in [UInt8(0), 0x28, 0x4A, 0x52, 0x7F, 0x85, 0xFF] {
                var changed = pickle
                changed[place] = value
                if try !use(archive(changed), scratch) { refused += 1 }
            }
        }
        #expect(refused > pickle.count)
        let whole = archive(pickle)
        for place in whole.indices {
            for value in [UInt8(0), 0xFF] {
                var changed = whole
                changed[place] = value
                _ = try use(changed, scratch)
            }
        }
    }
}
