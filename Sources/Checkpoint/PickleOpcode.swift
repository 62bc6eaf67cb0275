/// The operations of a pickle that tensors need; all others are refused by the names that Python's `pickletools` has.
enum PickleOpcode: UInt8 {
    case mark = 0x28, stop = 0x2E, reduce = 0x52, build = 0x62, binaryPersistentID = 0x51
    case proto = 0x80, frame = 0x95
    case none = 0x4E, newTrue = 0x88, newFalse = 0x89
    case integer32 = 0x4A, integer8 = 0x4B, integer16 = 0x4D, long = 0x8A, float = 0x47
    case unicode32 = 0x58, unicode8 = 0x8C, unicode64 = 0x8D
    case global = 0x63, stackGlobal = 0x93
    case emptyTuple = 0x29, tuple = 0x74, tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87
    case emptyList = 0x5D, append = 0x61, appends = 0x65
    case emptyDictionary = 0x7D, setItem = 0x73, setItems = 0x75
    case get8 = 0x68, get32 = 0x6A, put8 = 0x71, put32 = 0x72, memoize = 0x94

    /// The name of an operation that is refused.
    static func refusedName(_ byte: UInt8) -> String {
        names[byte] ?? "0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))"
    }

    private static let names: [UInt8: String] = [
        0x30: "POP", 0x31: "POP_MARK", 0x32: "DUP", 0x42: "BINBYTES", 0x43: "SHORT_BINBYTES", 0x46: "FLOAT",
        0x49: "INT", 0x4C: "LONG", 0x50: "PERSID", 0x53: "STRING", 0x54: "BINSTRING", 0x55: "SHORT_BINSTRING",
        0x56: "UNICODE", 0x64: "DICT", 0x67: "GET", 0x69: "INST", 0x6C: "LIST", 0x6F: "OBJ", 0x70: "PUT",
        0x81: "NEWOBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x8B: "LONG4", 0x8E: "BINBYTES8",
        0x8F: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET", 0x92: "NEWOBJ_EX", 0x96: "BYTEARRAY8",
        0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
    ]
}
