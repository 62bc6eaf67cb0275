import Foundation

/// A filter of the kernel (classic BPF) on a listening TCP socket: attempts to connect are dropped before they cost
/// anything, those of known addresses excepted. Connections that there are do not notice.
struct PacketFilter: Equatable, Sendable {
    /// One instruction: `struct sock_filter`.
    struct Instruction: Equatable, Sendable {
        var code: UInt16
        var jumpIfTrue: UInt8 = 0
        var jumpIfFalse: UInt8 = 0
        var value: UInt32
    }

    /// Addresses of each family that are let pass; more do not fit in a filter.
    static let maxAddresses = 256

    let instructions: [Instruction]

    /// - Parameter known: addresses of 4 or 16 bytes.
    init(lettingPass known: some Sequence<[UInt8]>) {
        let known = Array(known)
        var code: [Instruction] = [
            // The flags of TCP: SYN without ACK asks for a connection; everything else passes.
            Instruction(code: 0x30, value: 13), Instruction(code: 0x54, value: 0x12),
            Instruction(code: 0x15, jumpIfTrue: 1, value: 0x02), Self.pass,
            // The version of IP.
            Instruction(code: 0x30, value: Self.network), Instruction(code: 0x54, value: 0xf0),
        ]
        var four = [Instruction(code: 0x20, value: Self.network + 12)]
        for address in known.filter({ $0.count == 4 }).prefix(Self.maxAddresses) {
            four += [Instruction(code: 0x15, jumpIfFalse: 1, value: Self.word(address, 0)), Self.pass]
        }
        four.append(Self.drop)
        code += [
            Instruction(code: 0x15, jumpIfTrue: 1, value: 0x40), Instruction(code: 0x05, value: UInt32(four.count)),
        ]
        code += four
        for address in known.filter({ $0.count == 16 }).prefix(Self.maxAddresses) {
            for part in 0..<4 {
                code += [
                    Instruction(code: 0x20, value: Self.network + 8 + UInt32(4 * part)),
                    Instruction(code: 0x15, jumpIfFalse: UInt8(7 - 2 * part), value: Self.word(address, 4 * part)),
                ]
            }
            code.append(Self.pass)
        }
        instructions = code + [Self.drop]
    }

    private static let pass = Instruction(code: 0x06, value: .max)
    private static let drop = Instruction(code: 0x06, value: 0)
    /// Offsets from here on are those of the header of IP (`SKF_NET_OFF`).
    private static let network = UInt32(bitPattern: -0x100000)

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        bytes[at..<(at + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Puts it on a socket, in place of the one that may be there; false if the system does not do that.
    func attach(to descriptor: Int32) -> Bool {
        var bytes: [UInt8] = []
        for instruction in instructions {
            withUnsafeBytes(of: instruction.code) { bytes += $0 }
            bytes += [instruction.jumpIfTrue, instruction.jumpIfFalse]
            withUnsafeBytes(of: instruction.value) { bytes += $0 }
        }
        /// `struct sock_fprog`.
        struct Program {
            var count: UInt16
            var instructions: UnsafeRawPointer?
        }
        return bytes.withUnsafeBytes { raw in
            var program = Program(count: UInt16(instructions.count), instructions: raw.baseAddress)
            return setsockopt(
                descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, socklen_t(MemoryLayout<Program>.size)) == 0
        }
    }

    /// Takes it away again.
    static func detach(from descriptor: Int32) {
        var nothing: Int32 = 0
        setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &nothing, socklen_t(MemoryLayout<Int32>.size))
    }
}
