import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Files that torch wrote: `Fixtures/export_pytorch.py`.
@Suite struct PyTorchFileTests {
    static func fixture(_ name: String) throws -> String {
        try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).appendingPathComponent(name).path
    }

    func read(_ file: some TensorFile, _ name: String) throws -> [Float] {
        let count = try #require(file.shape(of: name)).reduce(1, *)
        var floats = [Float](repeating: -9, count: count)
        try floats.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        return floats
    }

    @Test(arguments: ["zip.bin", "old.bin", "protocol4.bin"])
    func `what torch has saved is read`(name: String) throws {
        let file = try PyTorchFile(path: Self.fixture(name))
        #expect(
            file.names.sorted() == [
                "bfloat", "bias", "double", "empty", "half", "half_turned", "parameter", "part", "position_ids",
                "scalar",
                "turned", "weight", "whole",
            ])
        #expect(try read(file, "weight") == [0, 1, 2, 3, 4, 5])
        #expect(file.shape(of: "weight") == [2, 3])
        #expect(try read(file, "bias") == [-1, 0.5])
        #expect(try read(file, "whole") == (0..<24).map { Float($0) })
        #expect(file.shape(of: "turned") == [4, 2, 3])
        var turned: [Float] = []
        for i in 0..<4 { for j in 0..<2 { for k in 0..<3 { turned.append(Float(12 * j + 4 * k + i)) } } }
        #expect(try read(file, "turned") == turned)
        #expect(try read(file, "part") == [5, 8, 11, 14])
        #expect(file.shape(of: "scalar") == [])
        #expect(try read(file, "scalar") == [2.5])
        #expect(try read(file, "empty") == [])
        #expect(try read(file, "half") == [1, -2, 65504, 0x1p-24])
        #expect(try read(file, "half_turned") == [1, 3, 2, 4])
        #expect(try read(file, "bfloat") == [1, -3.140625])
        #expect(try read(file, "double") == [0.1])
        #expect(try read(file, "parameter") == [7])
        // Three tensors of the same 24 numbers count once.
        #expect(file.elementCount == 6 + 2 + 24 + 1 + 4 + 4 + 2 + 1 + 1 + 4)
        let integers = failure { _ = try read(file, "position_ids") }
        #expect(integers.hasSuffix("tensor \"position_ids\" has type I64, not a float type"))
        let lost = failure { try file.readFloats("lost", into: .init(start: nil, count: 0)) }
        #expect(lost.hasSuffix("there is no tensor \"lost\""))
        let size = failure { try file.readFloats("bias", into: .init(start: nil, count: 0)) }
        #expect(size.hasSuffix("tensor \"bias\" has 2 elements, expected 0"))
    }

    @Test func `what is no state dict is refused by name`() throws {
        #expect(try PyTorchFile(path: Self.fixture("plain.bin")).names == ["a"])
        let nested = failure { _ = try PyTorchFile(path: Self.fixture("nested.bin")) }
        #expect(
            nested.contains("nested.bin: \"epoch\" is an integer, not a tensor: save the state_dict()"), "\(nested)")
        let module = failure { _ = try PyTorchFile(path: Self.fixture("module.bin")) }
        #expect(module.contains("refers to \"torch.nn.modules.linear.Linear\", which no tensor needs"), "\(module)")
    }

    @Test func `shards are read as one`() throws {
        let scratch = try Scratch()
        let one = PyTorchArchive(
            pickle: Pickle.file(Pickle.dictionary(Pickle.tensor(), key: Pickle.text("a"))),
            storages: ["0": [UInt8](repeating: 0, count: 16)])
        try scratch.write(one.bytes(), "1.bin")
        try FileManager.default.copyItem(atPath: Self.fixture("zip.bin"), toPath: scratch.file("2.bin"))
        let whole = try PyTorchFile(path: Self.fixture("zip.bin"))
        let map = (["a"] + whole.names).map { "\"\($0)\":\"\($0 == "a" ? 1 : 2).bin\"" }.joined(separator: ",")
        let index = try scratch.write("{\"weight_map\":{\(map)}}", "pytorch_model.bin.index.json")
        let file = try WeightsFormat.pyTorchShards.open(index)
        #expect(Set(file.names) == Set(whole.names + ["a"]))
        #expect(file.elementCount == whole.elementCount + 4)
        var floats: [Float] = [9, 9]
        try floats.withUnsafeMutableBufferPointer { try file.readFloats("bias", into: $0) }
        #expect(floats == [-1, 0.5])
        #expect(file.shape(of: "a") == [4])
        #expect(file.shape(of: "b") == nil)
    }

    @Test func `fields of 64 bits are read`() throws {
        let scratch = try Scratch()
        let floats: [Float] = [1, 2, 3, 4]
        let archive = PyTorchArchive(
            pickle: Pickle.file(Pickle.dictionary(Pickle.tensor())),
            storages: ["0": floats.withUnsafeBytes { Array($0) }])
        for isZIP64 in [false, true] {
            let file = try PyTorchFile(path: scratch.write(archive.bytes(isZIP64: isZIP64), "x.bin"))
            #expect(try read(file, "w") == floats)
        }
    }

    @Test func `a checksum is that of zip`() {
        // The check value of CRC-32/ISO-HDLC.
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32.checksum($0) } == 0xCBF4_3926)
        #expect(
            Array("The quick brown fox jumps over the lazy dog".utf8).withUnsafeBytes(CRC32.checksum) == 0x414F_A339)
    }
}
