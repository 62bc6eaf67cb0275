@testable import Checkpoint

/// A zip archive of stored members, made for tests: what is wrong in it is wrong on purpose.
struct PyTorchArchive {
    /// A member, and what its entries say of it.
    struct Member {
        var name: String
        var bytes: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        /// Added to the right checksum.
        var crcError: UInt32 = 0
        var isZIP64 = false
    }

    var members: [Member] = []

    /// One of torch.save: a pickle and its storages.
    init(pickle: [UInt8], storages: [String: [UInt8]] = [:], byteOrder: String = "little") {
        members = [
            Member(name: "m/data.pkl", bytes: pickle), Member(name: "m/byteorder", bytes: Array(byteOrder.utf8)),
        ]
        for (key, bytes) in storages.sorted(by: { $0.key < $1.key }) {
            members.append(Member(name: "m/data/\(key)", bytes: bytes))
        }
    }

    /// The file.
    func bytes(isZIP64: Bool = false) -> [UInt8] {
        var (file, directory) = ([UInt8](), [UInt8]())
        func little(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        for member in members {
            let crc = Int(member.bytes.withUnsafeBytes { CRC32.checksum($0) } &+ member.crcError)
            let name = Array(member.name.utf8)
            let offset = file.count
            let common = little(20, 2) + little(Int(member.flags), 2) + little(Int(member.method), 2) + little(0, 4)
            let size = little(member.bytes.count, 4)
            file += [0x50, 0x4B, 3, 4] + common + little(crc, 4) + size + size + little(name.count, 2) + little(3, 2)
            file += name + [0, 0, 0] + member.bytes
            let extra =
                isZIP64
                ? little(1, 2) + little(24, 2) + little(member.bytes.count, 8) + little(member.bytes.count, 8)
                    + little(offset, 8) : []
            let shown = isZIP64 ? little(0xFFFF_FFFF, 4) : size
            directory += [0x50, 0x4B, 1, 2] + little(20, 2) + common + little(crc, 4) + shown + shown
            directory += little(name.count, 2) + little(extra.count, 2) + little(0, 10)
            directory += (isZIP64 ? little(0xFFFF_FFFF, 4) : little(offset, 4)) + name + extra
        }
        let start = file.count
        file += directory
        if isZIP64 {
            let record = file.count
            file += [0x50, 0x4B, 6, 6] + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8)
            file += little(members.count, 8) + little(members.count, 8) + little(directory.count, 8) + little(start, 8)
            file += [0x50, 0x4B, 6, 7] + little(0, 4) + little(record, 8) + little(1, 4)
            file += [0x50, 0x4B, 5, 6] + little(0, 4) + little(0xFFFF, 2) + little(0xFFFF, 2)
            file += little(0xFFFF_FFFF, 4) + little(0xFFFF_FFFF, 4) + little(0, 2)
        } else {
            file += [0x50, 0x4B, 5, 6] + little(0, 4) + little(members.count, 2) + little(members.count, 2)
            file += little(directory.count, 4) + little(start, 4) + little(0, 2)
        }
        return file
    }
}

/// Operations of pickles, as bytes.
enum Pickle {
    /// A whole pickle of protocol 2.
    static func file(_ operations: [UInt8]...) -> [UInt8] { [0x80, 2] + operations.flatMap { $0 } + [0x2E] }
    /// A string.
    static func text(_ text: String) -> [UInt8] { [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8) }
    /// A name of a module.
    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
    /// A number of 32 bits.
    static func integer(_ value: Int32) -> [UInt8] {
        [0x4A] + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    /// A number of 64 bits.
    static func long(_ value: Int) -> [UInt8] {
        [0x8A, 8] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    /// A tuple.
    static func tuple(_ elements: [UInt8]...) -> [UInt8] { [0x28] + elements.flatMap { $0 } + [0x74] }
    /// A storage of floats.
    static func storage(_ key: String = "0", _ count: [UInt8] = integer(4), type: String = "FloatStorage") -> [UInt8] {
        tuple(text("storage"), global("torch", type), text(key), text("cpu"), count) + [0x51]
    }
    /// A tensor; the bytes are those of its numbers.
    static func tensor(
        _ storage: [UInt8] = storage(), offset: [UInt8] = integer(0), shape: [UInt8] = tuple(integer(4)),
        strides: [UInt8] = tuple(integer(1))
    ) -> [UInt8] {
        global("torch._utils", "_rebuild_tensor_v2")
            + tuple(storage, offset, shape, strides, [0x89], global("collections", "OrderedDict") + [0x29, 0x52]) + [
                0x52
            ]
    }
    /// A dictionary with one member.
    static func dictionary(_ value: [UInt8], key: [UInt8] = text("w")) -> [UInt8] { [0x7D] + key + value + [0x73] }
}
