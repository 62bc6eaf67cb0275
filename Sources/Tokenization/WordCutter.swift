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

    /// What a step cuts further.
    struct Piece: BitwiseCopyable {
        var start: UnsafePointer<UInt8>
        var count: Int
    }

    /// Collects the words of a step for the next one.
    private struct PieceSink: WordSink {
        let pieces: UnsafeMutablePointer<GrowingBuffer<Piece>>

        @inline(__always)
        func take(_ word: UnsafePointer<UInt8>, _ count: Int) -> Bool {
            pieces.pointee.append(Piece(start: word, count: count))
            return true
        }
    }

    var steps: [Step] = []

    /// Cuts a text, and gives the words to `sink` until it wants no more. All steps but the last one see the whole
    /// text first.
    ///
    /// - Parameter isFirst: Whether the text stands at the beginning.
    @inline(__always)
    func cut(
        _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ scratch: ScratchPool.Scratch,
        _ sink: inout some WordSink
    ) {
        guard let base = text.baseAddress, !text.isEmpty else { return }
        guard let last = steps.last else {
            _ = sink.take(base, text.count)
            return
        }
        let flags = CharacterClasses.shared.flags
        flags.withUnsafeBufferPointer { flags in
            guard let flags = flags.baseAddress else { return }
            let whole = Piece(start: base, count: text.count)
            let isFirst = cutEarly(whole, isFirst, scratch, flags)
            run(last, scratch.pointee.pieces.elements, isFirst, scratch.pointee.words[steps.count - 1], flags, &sink)
        }
    }

    /// Takes all steps but the last one, so that their pieces are in `scratch.pieces`. Returns whether the first of
    /// them still stands at the beginning of the text.
    private func cutEarly(
        _ whole: Piece, _ isFirst: Bool, _ scratch: ScratchPool.Scratch, _ flags: UnsafePointer<UInt16>
    ) -> Bool {
        var isFirst = isFirst
        scratch.pointee.pieces.removeAll()
        scratch.pointee.pieces.append(whole)
        for (number, step) in steps.dropLast().enumerated() {
            let start = scratch.pointee.pieces.elements.first?.start
            scratch.pointee.otherPieces.removeAll()
            withUnsafeMutablePointer(to: &scratch.pointee.otherPieces) { pieces in
                var sink = PieceSink(pieces: pieces)
                run(step, scratch.pointee.pieces.elements, isFirst, scratch.pointee.words[number], flags, &sink)
            }
            swap(&scratch.pointee.pieces, &scratch.pointee.otherPieces)
            if step == .whitespaceSplit, scratch.pointee.pieces.elements.first?.start != start { isFirst = false }
        }
        return isFirst
    }

    /// - Parameter isFirst: Whether the first piece stands at the beginning of the text.
    @inline(__always)
    private func run(
        _ step: Step, _ pieces: UnsafeBufferPointer<Piece>, _ isFirst: Bool, _ out: ByteBuffer,
        _ flags: UnsafePointer<UInt16>, _ sink: inout some WordSink
    ) {
        switch step {
        case .whitespaceSplit:
            for piece in pieces { guard splitAtSpaces(piece, flags, &sink) else { return } }
        case .metaspace(let replacement, let scheme, let split):
            replacement.withUnsafeBufferPointer { mark in
                guard let mark = Mark(mark) else { return }
                // Words stay where they are until the next step has seen them: no byte may move.
                let bytes = pieces.reduce(0) { $0 &+ $1.count }
                var cursor = out.room(for: (bytes &+ pieces.count) &* mark.count)
                var prepends = scheme == .always || (scheme == .first && isFirst)
                for piece in pieces {
                    guard replaceSpaces(piece, mark, prepends: prepends, split: split, &cursor, &sink) else { return }
                    prepends = scheme == .always
                }
            }
        case .spaceBefore:
            var cursor = out.room(for: pieces.reduce(0) { $0 &+ $1.count &+ 1 })
            for piece in pieces {
                guard piece.start[0] != 0x20 else {
                    guard sink.take(piece.start, piece.count) else { return }
                    continue
                }
                cursor[0] = 0x20
                (cursor + 1).update(from: piece.start, count: piece.count)
                guard sink.take(cursor, piece.count &+ 1) else { return }
                cursor += piece.count &+ 1
            }
        case .pattern(let pattern):
            for piece in pieces {
                let scanner = WordScanner(text: piece.start, count: piece.count, flags: flags)
                var start = 0
                while start < piece.count {
                    let end = scanner.end(of: start, pattern)
                    guard sink.take(piece.start + start, end &- start) else { return }
                    start = end
                }
            }
        }
    }

    @inline(__always)
    private func splitAtSpaces(
        _ piece: Piece, _ flags: UnsafePointer<UInt16>, _ sink: inout some WordSink
    ) -> Bool {
        let (text, count) = (piece.start, piece.count)
        var start = 0
        var index = 0
        while index < count {
            let byte = text[index]
            var length = 1
            var scalar = UInt32(byte)
            if byte >= 0x80 { (scalar, length) = decodeUTF8(text + index, count: count &- index) }
            if flags[Int(scalar)] & CharacterClasses.Flag.space != 0 {
                if index > start, !sink.take(text + start, index &- start) { return false }
                start = index &+ length
            }
            index &+= length
        }
        return index == start || sink.take(text + start, index &- start)
    }

    /// What spaces are written as.
    private struct Mark {
        let bytes: UnsafePointer<UInt8>
        let count: Int

        init?(_ bytes: UnsafeBufferPointer<UInt8>) {
            guard let base = bytes.baseAddress, !bytes.isEmpty else { return nil }
            self.bytes = base
            count = bytes.count
        }

        /// Whether a text begins with it.
        @inline(__always)
        func begins(_ text: UnsafePointer<UInt8>, _ count: Int) -> Bool {
            guard count >= self.count else { return false }
            for index in 0..<self.count where text[index] != bytes[index] { return false }
            return true
        }

        @inline(__always)
        func write(_ out: inout UnsafeMutablePointer<UInt8>) {
            for index in 0..<count { out[index] = bytes[index] }
            out += count
        }
    }

    /// Writes a piece at the cursor, with a mark for each space; words are what stands before the first mark, and each
    /// mark with what follows it.
    @inline(__always)
    private func replaceSpaces(
        _ piece: Piece, _ mark: Mark, prepends: Bool, split: Bool, _ cursor: inout UnsafeMutablePointer<UInt8>,
        _ sink: inout some WordSink
    ) -> Bool {
        let (text, count) = (piece.start, piece.count)
        var out = cursor
        var start = cursor
        defer { cursor = out }
        if prepends, text[0] != 0x20, !mark.begins(text, count) { mark.write(&out) }
        let first = mark.bytes[0]
        var index = 0
        while index < count {
            let byte = text[index]
            guard byte == 0x20 || byte == first, byte == 0x20 || mark.begins(text + index, count &- index) else {
                out[0] = byte
                out += 1
                index &+= 1
                continue
            }
            if split, out > start {
                guard sink.take(start, out - start) else { return false }
                start = out
            }
            mark.write(&out)
            index &+= byte == 0x20 ? 1 : mark.count
        }
        return sink.take(start, out - start)
    }
}
