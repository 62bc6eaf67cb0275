import Support

/// Reads the pickles in which `torch.save` describes tensors, without running anything: it knows only the operations
/// and names that tensors need, and refuses all others (``PickleOpcode``, ``PickleGlobal``).
///
/// The operations are those of Python's `pickletools` (protocols 2 to 5). Time and memory are linear in the length of
/// the pickle, which ``limit`` bounds.
struct Unpickler {
    /// What contains other values.
    enum Object {
        case tuple([PickleValue])
        case list([PickleValue])
        /// Pairs, in the order in which they were set.
        case dictionary([(key: PickleValue, value: PickleValue)])
    }

    /// Bytes of a pickle at most; that of a model of a thousand tensors has about 100,000.
    static let limit = 16 << 20

    /// Tuples, lists and dictionaries by number.
    private(set) var objects: [Object] = []
    /// The byte of the file that comes next.
    private(set) var position: Int
    private let bytes: UnsafeRawBufferPointer
    private let end: Int
    private var stack: [PickleValue] = []
    /// The heights of the stack at which marks stand.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]

    /// A reader of the pickle that begins at `range.lowerBound`; it must end within `range`.
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = min(range.upperBound, range.lowerBound + Self.limit)
    }

    /// Runs up to the end of the pickle.
    ///
    /// - Returns: The value that it describes.
    mutating func load() throws(PickleError) -> PickleValue {
        while true {
            let start = position
            let byte = try takeByte()
            guard let opcode = PickleOpcode(rawValue: byte) else {
                throw PickleError(
                    position: start,
                    reason: "has the operation \(PickleOpcode.refusedName(byte)), which no tensor needs")
            }
            if opcode == .stop {
                guard stack.count == 1, marks.isEmpty else { throw failure("ends with \(stack.count) values") }
                return try pop()
            }
            do { try run(opcode) } catch { throw PickleError(position: start, reason: error.reason) }
        }
    }

    private mutating func run(_ opcode: PickleOpcode) throws(PickleError) {
        switch opcode {
        case .stop: break
        case .proto:
            let version = try takeByte()
            guard (2...5).contains(version) else { throw failure("has protocol \(version); known are 2 to 5") }
        case .frame: _ = try takeNatural(8)
        case .mark: marks.append(stack.count)
        case .none: stack.append(.none)
        case .newTrue: stack.append(.bool(true))
        case .newFalse: stack.append(.bool(false))
        case .integer8: stack.append(.integer(try takeNatural(1)))
        case .integer16: stack.append(.integer(try takeNatural(2)))
        case .integer32: stack.append(.integer(Int(Int32(truncatingIfNeeded: try takeNatural(4)))))
        case .long: stack.append(.integer(try takeLong()))
        case .float: stack.append(.real(Double(bitPattern: try takeWord(8).byteSwapped)))
        case .unicode8: stack.append(.text(try takeText(try takeNatural(1))))
        case .unicode32: stack.append(.text(try takeText(try takeNatural(4))))
        case .unicode64: stack.append(.text(try takeText(try takeNatural(8))))
        case .global: try pushGlobal(module: try takeLine(), name: try takeLine())
        case .stackGlobal:
            guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
                throw failure("refers to a name that is no string")
            }
            try pushGlobal(module: module, name: name)
        case .emptyTuple: push(.tuple([]))
        case .tuple1: push(.tuple(try pop(1)))
        case .tuple2: push(.tuple(try pop(2)))
        case .tuple3: push(.tuple(try pop(3)))
        case .tuple: push(.tuple(try popToMark()))
        case .emptyList: push(.list([]))
        case .append: try append(try pop(1))
        case .appends: try append(try popToMark())
        case .emptyDictionary: push(.dictionary([]))
        case .setItem: try set(try pop(2))
        case .setItems: try set(try popToMark())
        case .get8: try get(try takeNatural(1))
        case .get32: try get(try takeNatural(4))
        case .put8: memo[try takeNatural(1)] = try top()
        case .put32: memo[try takeNatural(4)] = try top()
        case .memoize: memo[memo.count] = try top()
        case .build: try build()
        case .binaryPersistentID: try pushStorage()
        case .reduce: try reduce()
        }
    }

    // MARK: - Bytes

    private func failure(_ reason: String) -> PickleError { PickleError(position: position, reason: reason) }

    private mutating func take(_ count: Int) throws(PickleError) -> UnsafeRawBufferPointer {
        guard count <= end - position else {
            throw failure("is cut off, or longer than \(Self.limit >> 20) MB: is the download complete?")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
    }

    private mutating func takeByte() throws(PickleError) -> UInt8 { try take(1)[0] }

    /// A number of up to 8 bytes, least significant first.
    private mutating func takeWord(_ count: Int) throws(PickleError) -> UInt64 {
        try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func takeNatural(_ count: Int) throws(PickleError) -> Int {
        guard let value = Int(exactly: try takeWord(count)) else { throw failure("has a number that is too large") }
        return value
    }

    /// A signed number of up to 8 bytes, with its length before it.
    private mutating func takeLong() throws(PickleError) -> Int {
        let count = Int(try takeByte())
        guard count <= 8 else { throw failure("has an integer of \(count) bytes") }
        guard count > 0 else { return 0 }
        let shift = UInt64(64 - 8 * count)
        return Int(Int64(bitPattern: try takeWord(count) << shift) >> Int64(shift))
    }

    private mutating func takeText(_ count: Int) throws(PickleError) -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw failure("has a string that is not UTF-8")
        }
        return text
    }

    private mutating func takeLine() throws(PickleError) -> String {
        let rest = bytes[position..<end]
        guard let stop = rest.firstIndex(of: 0x0A) else { throw failure("is cut off in a name") }
        let line = try takeText(stop - position)
        position = stop + 1
        return line
    }

    // MARK: - Stack

    private var floor: Int { marks.last ?? 0 }

    private mutating func pop() throws(PickleError) -> PickleValue {
        guard stack.count > floor, let value = stack.popLast() else { throw failure("takes a value that is not there") }
        return value
    }

    private mutating func pop(_ count: Int) throws(PickleError) -> [PickleValue] {
        guard stack.count - floor >= count else { throw failure("takes a value that is not there") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws(PickleError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw failure("goes back to a mark that is not there") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private func top() throws(PickleError) -> PickleValue {
        guard stack.count > floor, let value = stack.last else { throw failure("keeps a value that is not there") }
        return value
    }

    private mutating func push(_ object: Object) {
        stack.append(.object(objects.count))
        objects.append(object)
    }

    private mutating func get(_ number: Int) throws(PickleError) {
        guard let value = memo[number] else { throw failure("uses value \(number), which was never kept") }
        stack.append(value)
    }

    /// The elements of a tuple.
    private func tuple(_ value: PickleValue) -> [PickleValue]? {
        guard case .object(let number) = value, case .tuple(let elements) = objects[number] else { return nil }
        return elements
    }

    /// The pairs of a dictionary.
    func dictionary(_ value: PickleValue) -> [(key: PickleValue, value: PickleValue)]? {
        guard case .object(let number) = value, case .dictionary(let pairs) = objects[number] else { return nil }
        return pairs
    }

    /// The elements of a list.
    func list(_ value: PickleValue) -> [PickleValue]? {
        guard case .object(let number) = value, case .list(let elements) = objects[number] else { return nil }
        return elements
    }

    private func naturals(_ value: PickleValue) -> [Int]? {
        guard let elements = tuple(value), elements.count <= 64 else { return nil }
        var numbers: [Int] = []
        for element in elements {
            guard case .integer(let number) = element, number >= 0 else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    // MARK: - Objects

    private mutating func append(_ values: [PickleValue]) throws(PickleError) {
        guard case .object(let number) = try top(), case .list(var elements) = objects[number] else {
            throw failure("appends to what is no list")
        }
        // The list is taken out, lest it be copied for each element.
        objects[number] = .tuple([])
        elements += values
        objects[number] = .list(elements)
    }

    private mutating func set(_ values: [PickleValue]) throws(PickleError) {
        guard values.count.isMultiple(of: 2) else { throw failure("sets a key without a value") }
        guard case .object(let number) = try top(), case .dictionary(var pairs) = objects[number] else {
            throw failure("sets a key of what is no dictionary")
        }
        objects[number] = .tuple([])
        for i in stride(from: 0, to: values.count, by: 2) { pairs.append((values[i], values[i + 1])) }
        objects[number] = .dictionary(pairs)
    }

    private mutating func pushGlobal(module: String, name: String) throws(PickleError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw failure(
                "refers to \"\("\(module).\(name)".printable(limit: 120))\", which no tensor needs, and which loading it "
                    + "with torch might run")
        }
        stack.append(.global(global))
    }

    /// Attributes of a dictionary: those of a state dict are its `_metadata`, the versions of the modules.
    private mutating func build() throws(PickleError) {
        let state = try pop()
        guard dictionary(try top()) != nil, let pairs = dictionary(state) else {
            throw failure("sets attributes of what is no dictionary")
        }
        for pair in pairs {
            guard case .text("_metadata") = pair.key else {
                throw failure("sets attributes of a dictionary that a state dict does not have")
            }
        }
    }

    /// `("storage", type, key, location, count)`, with None behind it in the old format.
    private mutating func pushStorage() throws(PickleError) {
        guard let parts = tuple(try pop()), (5...6).contains(parts.count), case .text("storage") = parts[0],
            case .global(.storage(let type)) = parts[1], case .text(let key) = parts[2], case .text = parts[3],
            case .integer(let count) = parts[4], count >= 0
        else { throw failure("names a storage in a way that is not known") }
        if parts.count == 6 {
            guard case .none = parts[5] else {
                throw failure("names a part of a storage, as only old versions of torch do")
            }
        }
        stack.append(.storage(PickledStorage(key: key, type: type, count: count)))
    }

    private mutating func reduce() throws(PickleError) {
        guard let arguments = tuple(try pop()) else { throw failure("calls with what is no tuple") }
        guard case .global(let global) = try pop() else { throw failure("calls what is no function") }
        switch global {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw failure("makes an OrderedDict of something") }
            push(.dictionary([]))
        case .size:
            guard arguments.count == 1, naturals(arguments[0]) != nil else { throw failure("makes no torch.Size") }
            stack.append(arguments[0])
        case .rebuildParameter:
            guard arguments.count == 3, case .tensor = arguments[0] else {
                throw failure("makes a parameter of no tensor")
            }
            stack.append(arguments[0])
        case .rebuildTensor: stack.append(.tensor(try tensor(arguments)))
        case .storage: throw failure("makes a storage of its own")
        }
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks, metadata)`, where the last three may be left out.
    private func tensor(_ arguments: [PickleValue]) throws(PickleError) -> PickledTensor {
        guard (4...7).contains(arguments.count), case .storage(let storage) = arguments[0],
            case .integer(let offset) = arguments[1], let shape = naturals(arguments[2]),
            let strides = naturals(arguments[3])
        else { throw failure("describes a tensor in a way that is not known") }
        if arguments.count > 5 {
            guard dictionary(arguments[5])?.isEmpty ?? false else { throw failure("has a tensor with hooks") }
        }
        if arguments.count > 6 {
            guard case .none = arguments[6] else {
                throw failure("has a tensor that is marked as a conjugate or a negative")
            }
        }
        let tensor = PickledTensor(storage: storage, offset: offset, shape: shape, strides: strides)
        guard tensor.count != nil else {
            throw failure(
                "has a tensor of shape \(shape) and strides \(strides) from \(offset) that lies outside of its storage of "
                    + "\(storage.count) elements, or repeats some of them")
        }
        return tensor
    }
}
