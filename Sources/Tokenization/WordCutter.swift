/// The pre-tokenizers of `tokenizer.json`, one after the other: cuts a normalized text into the words that the model
/// sees, each with what is put before it.
struct WordCutter: Sendable {
    enum PrependScheme: String, Sendable {
        case always
        /// Only where the text begins.
        case first
        case never
    }

    enum Step: Sendable, Equatable {
        /// Leaves white space out.
        case whitespaceSplit
        /// Writes spaces as `replacement`, puts it before what does not start with it, and cuts before each.
        case metaspace(replacement: [UInt8], scheme: PrependScheme, split: Bool)
        /// Puts a space before what does not start with one. (The bytes' other names are the model's affair.)
        case spaceBefore
        case pattern(WordPattern)
    }

    var steps: [Step] = []

    /// Cuts a text; `word` is called with each word, and may return false to stop.
    @inline(__always)
    func cut(
        _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ buffers: [ByteBuffer],
        _ word: (UnsafePointer<UInt8>, Int) -> Bool
    ) {
        guard let base = text.baseAddress, !text.isEmpty else { return }
        CharacterClasses.shared.flags.withUnsafeBufferPointer { flags in
            guard let flags = flags.baseAddress else { return }
            _ = run(0, base, text.count, isFirst, buffers, flags, word)
        }
    }

    private func run(
        _ number: Int, _ text: UnsafePointer<UInt8>, _ count: Int, _ isFirst: Bool, _ buffers: [ByteBuffer],
        _ flags: UnsafePointer<UInt16>, _ word: (UnsafePointer<UInt8>, Int) -> Bool
    ) -> Bool {
        guard number < steps.count else { return word(text, count) }
        let next = number + 1
        switch steps[number] {
        case .whitespaceSplit:
            var index = 0
            while index < count {
                let start = index
                var length = 0
                while index < count {
                    let byte = text[index]
                    if byte < 0x80 {
                        length = 1
                        if flags[Int(byte)] & CharacterClasses.Flag.space != 0 { break }
                    } else {
                        let (scalar, bytes) = decodeUTF8(text + index, count: count &- index)
                        length = bytes
                        if flags[Int(scalar)] & CharacterClasses.Flag.space != 0 { break }
                    }
                    index &+= length
                }
                if index > start,
                    !run(next, text + start, index &- start, isFirst && start == 0, buffers, flags, word)
                {
                    return false
                }
                if index < count { index &+= length }
            }
        case .metaspace(let replacement, let scheme, let split):
            let prepends = scheme == .always || (scheme == .first && isFirst)
            let out = buffers[number]
            replaceSpaces(text, count, replacement, prepends: prepends, out)
            guard split else { return run(next, out.base, out.count, isFirst, buffers, flags, word) }
            return cut(out, before: replacement) { start, length in
                run(next, out.base + start, length, isFirst && start == 0, buffers, flags, word)
            }
        case .spaceBefore:
            guard text[0] != 0x20 else { return run(next, text, count, isFirst, buffers, flags, word) }
            let out = buffers[number]
            out.removeAll()
            out.append(0x20)
            out.append(text, count: count)
            return run(next, out.base, out.count, isFirst, buffers, flags, word)
        case .pattern(let pattern):
            let scanner = WordScanner(text: text, count: count, flags: flags)
            var start = 0
            while start < count {
                let end = scanner.end(of: start, pattern)
                guard run(next, text + start, end &- start, isFirst && start == 0, buffers, flags, word) else {
                    return false
                }
                start = end
            }
        }
        return true
    }

    private func replaceSpaces(
        _ text: UnsafePointer<UInt8>, _ count: Int, _ replacement: [UInt8], prepends: Bool, _ out: ByteBuffer
    ) {
        out.removeAll()
        let starts = count > 0 && (text[0] == 0x20 || begins(text, count, with: replacement))
        if prepends, !starts { out.append(replacement) }
        var start = 0
        for index in 0..<count where text[index] == 0x20 {
            out.append(text + start, count: index &- start)
            out.append(replacement)
            start = index &+ 1
        }
        out.append(text + start, count: count &- start)
    }

    @inline(__always)
    private func begins(_ text: UnsafePointer<UInt8>, _ count: Int, with prefix: [UInt8]) -> Bool {
        guard count >= prefix.count else { return false }
        for (index, byte) in prefix.enumerated() where text[index] != byte { return false }
        return true
    }

    /// Calls `part` with what stands before the first mark, then with each mark and what follows it.
    private func cut(_ text: ByteBuffer, before mark: [UInt8], _ part: (Int, Int) -> Bool) -> Bool {
        guard let first = mark.first else { return part(0, text.count) }
        var start = 0
        var index = 1
        while index < text.count {
            if text.base[index] == first, begins(text.base + index, text.count - index, with: mark) {
                guard part(start, index - start) else { return false }
                start = index
                index += mark.count
            } else {
                index &+= 1
            }
        }
        return part(start, text.count - start)
    }
}
