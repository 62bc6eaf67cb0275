/// The normalizers of `tokenizer.json`, one after the other.
struct TextNormalizer: Sendable {
    enum Step: Sendable {
        case form(UnicodeNormalizationForm)
        case precompiled(PrecompiledMap)
        case lowercase
        case stripAccents
        case strip(left: Bool, right: Bool)
        /// Puts a text before every text that is not empty.
        case prepend([UInt8])
        /// Replaces each run of `pattern`, of at least `least` and at most `most` times it.
        case replace(pattern: [UInt8], least: Int, isGreedy: Bool, content: [UInt8])
        /// SentencePiece's removal of control characters.
        case nmt
        case bert(Normalizer)
    }

    var steps: [Step] = []

    /// What became of a text.
    struct Result {
        var text: UnsafeBufferPointer<UInt8>
        /// Whether its first byte still comes from the first byte of the original.
        var keepsStart: Bool
    }

    /// Normalizes a text. The result stands in the text itself, or in one of the buffers, until they are used again.
    func apply(_ text: UnsafeBufferPointer<UInt8>, _ one: ByteBuffer, _ two: ByteBuffer) -> Result {
        var result = Result(text: text, keepsStart: true)
        var (out, other) = (one, two)
        for step in steps where !result.text.isEmpty {
            out.removeAll()
            if Self.apply(step, &result, out) {
                result.text = out.bytes
                swap(&out, &other)
            }
        }
        return result
    }

    /// The bytes that a text becomes.
    func apply(_ text: [UInt8]) -> [UInt8] {
        text.withUnsafeBufferPointer { Array(apply($0, ByteBuffer(), ByteBuffer()).text) }
    }

    /// Appends what a step makes of the text to `out`; false if the result is a part of the text, which is then in it.
    private static func apply(_ step: Step, _ result: inout Result, _ out: ByteBuffer) -> Bool {
        let text = result.text
        switch step {
        case .form(let form): return form.apply(text, to: out)
        case .precompiled(let map): map.apply(text, to: out)
        case .lowercase: lowercase(text, out)
        case .stripAccents:
            if asciiPrefix(text) == text.count { return false }
            let flags = CharacterClasses.shared.flags
            map(text, out, &result.keepsStart) { flags[Int($0)] & CharacterClasses.Flag.mark != 0 ? nil : $0 }
        case .strip(let left, let right):
            strip(&result, left: left, right: right)
            return false
        case .prepend(let content):
            out.append(content)
            out.append(text)
        case .replace(let pattern, let least, let isGreedy, let content):
            replace(text, pattern, least, isGreedy, content, out, &result.keepsStart)
        case .nmt: map(text, out, &result.keepsStart, nmt)
        case .bert(let normalizer):
            if let base = text.baseAddress {
                let length = decodeUTF8(base, count: text.count).length
                let first = UnsafeBufferPointer(rebasing: text[..<length])
                if normalizer.normalize(first).isEmpty { result.keepsStart = false }
            }
            out.append(normalizer.normalize(text))
        }
        return true
    }

    private static func map(
        _ text: UnsafeBufferPointer<UInt8>, _ out: ByteBuffer, _ keepsStart: inout Bool, _ image: (UInt32) -> UInt32?
    ) {
        guard let base = text.baseAddress else { return }
        var index = 0
        while index < text.count {
            let (scalar, length) = decodeUTF8(base + index, count: text.count - index)
            if let image = image(scalar) {
                out.append(scalar: image)
            } else if out.count == 0 {
                keepsStart = false
            }
            index += length
        }
    }

    private static func lowercase(_ text: UnsafeBufferPointer<UInt8>, _ out: ByteBuffer) {
        guard let base = text.baseAddress else { return }
        let lower = UnicodeSets.shared.lowerCase
        var index = 0
        while index < text.count {
            let byte = base[index]
            if byte < 0x80 {
                out.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
                index &+= 1
                continue
            }
            let (scalar, length) = decodeUTF8(base + index, count: text.count - index)
            for image in lower[scalar] ?? [scalar] { out.append(scalar: image) }
            index += length
        }
    }

    private static func strip(_ result: inout Result, left: Bool, right: Bool) {
        var text = result.text
        guard let base = text.baseAddress else { return }
        if left {
            var start = 0
            while start < text.count {
                let (scalar, length) = decodeUTF8(base + start, count: text.count - start)
                guard isWhiteSpace(scalar) else { break }
                start += length
            }
            if start > 0 { result.keepsStart = false }
            text = UnsafeBufferPointer(rebasing: text[start...])
        }
        if right, let base = text.baseAddress {
            var end = text.count
            while end > 0 {
                let start = scalarStart(base, before: end)
                guard isWhiteSpace(decodeUTF8(base + start, count: end - start).scalar) else { break }
                end = start
            }
            text = UnsafeBufferPointer(rebasing: text[..<end])
        }
        result.text = text
    }

    private static func replace(
        _ text: UnsafeBufferPointer<UInt8>, _ pattern: [UInt8], _ least: Int, _ isGreedy: Bool, _ content: [UInt8],
        _ out: ByteBuffer, _ keepsStart: inout Bool
    ) {
        guard let base = text.baseAddress, let first = pattern.first else { return }
        var index = 0
        var start = 0
        while index < text.count {
            guard base[index] == first else {
                index &+= 1
                continue
            }
            var end = index
            var times = 0
            while isGreedy || times < least, end + pattern.count <= text.count,
                pattern.indices.allSatisfy({ base[end + $0] == pattern[$0] })
            {
                end += pattern.count
                times += 1
            }
            guard times >= least else {
                index = max(index + 1, isGreedy ? end : index + 1)
                continue
            }
            out.append(base + start, count: index - start)
            out.append(content)
            if index == 0, content.isEmpty || end > decodeUTF8(base, count: text.count).length { keepsStart = false }
            index = end
            start = end
        }
        out.append(base + start, count: text.count - start)
    }

    private static func nmt(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: nil
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: 0x20
        default: scalar
        }
    }
}

/// Where the code point begins that ends before `end`; the bytes are valid UTF-8.
@inline(__always)
func scalarStart(_ text: UnsafePointer<UInt8>, before end: Int) -> Int {
    var start = end - 1
    while start > 0, end - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
}
