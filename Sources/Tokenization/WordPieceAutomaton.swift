/// Turns UTF-8 into WordPiece ids in one pass over the bytes: normalizer, pre-tokenizer and model at once.
///
/// Words are normalized into a small buffer, and cut there greedily by the longest vocabulary entry (Wu et al. 2016,
/// "Google's Neural Machine Translation System", as simplified in BERT). Nothing is allocated for a word.
struct WordPieceAutomaton {
    /// What a byte means, in the high byte of an entry of `ascii`; the low byte is the byte to write.
    enum Class {
        static let word: UInt16 = 0
        static let separator: UInt16 = 1
        static let drop: UInt16 = 2
        static let single: UInt16 = 3
        /// Decode and look up.
        static let other: UInt16 = 4
    }

    let ascii: UnsafePointer<UInt16>
    let actions: UnsafePointer<UInt16>
    let programStarts: UnsafePointer<UInt32>
    let steps: UnsafeBufferPointer<WordPieceActions.Step>
    let trie: ByteTrie.View
    let unknownID: Int32
    let mostCharacters: Int
    /// Room for `mostCharacters` code points, and one more.
    let word: UnsafeMutablePointer<UInt8>
    /// Scanning may stop as soon as there are so many ids.
    let limit: Int

    private var wordBytes = 0
    private var wordCharacters = 0
    /// Surviving marks that may still change places: combining class above bit 56, order of arrival, code point.
    private var pending: [UInt64] = []
    private(set) var ids: [Int32] = []

    init(
        ascii: UnsafePointer<UInt16>, actions: UnsafePointer<UInt16>, programStarts: UnsafePointer<UInt32>,
        steps: UnsafeBufferPointer<WordPieceActions.Step>, trie: ByteTrie.View, unknownID: Int32, mostCharacters: Int,
        word: UnsafeMutablePointer<UInt8>, limit: Int
    ) {
        self.ascii = ascii
        self.actions = actions
        self.programStarts = programStarts
        self.steps = steps
        self.trie = trie
        self.unknownID = unknownID
        self.mostCharacters = mostCharacters
        self.word = word
        self.limit = limit
    }

    var isFull: Bool { ids.count >= limit }

    /// Adds the id of an added token, which also ends the word before it.
    mutating func append(id: Int32) {
        endWord()
        ids.append(id)
    }

    /// Scans a stretch of text that no word crosses the end of.
    mutating func scan(_ text: UnsafePointer<UInt8>, count: Int) {
        var index = 0
        while index < count {
            let entry = ascii[Int(text[index])]
            switch entry >> 8 {
            case Class.word:
                if !pending.isEmpty { flushPending() }
                var next = entry
                repeat {
                    if wordCharacters < mostCharacters {
                        word[wordBytes] = UInt8(truncatingIfNeeded: next)
                        wordBytes &+= 1
                    }
                    wordCharacters &+= 1
                    index &+= 1
                    guard index < count else { break }
                    next = ascii[Int(text[index])]
                } while next < 0x100
            case Class.separator:
                index &+= 1
                endWord()
                if ids.count >= limit { return }
            case Class.drop:
                index &+= 1
            case Class.single:
                endWord()
                put(UInt32(entry & 0xFF))
                endWord()
                index &+= 1
                if ids.count >= limit { return }
            default:
                let (scalar, length) = decodeUTF8(text + index, count: count - index)
                index &+= length
                handle(scalar)
                if ids.count >= limit { return }
            }
        }
        endWord()
    }

    /// Looks a code point up and does what the table says.
    private mutating func handle(_ scalar: UInt32) {
        let action = actions[Int(scalar)]
        switch action {
        case WordPieceActions.Action.word:
            if !pending.isEmpty { flushPending() }
            put(scalar)
        case WordPieceActions.Action.separator:
            endWord()
        case WordPieceActions.Action.drop:
            break
        case WordPieceActions.Action.barrier:
            flushPending()
        case WordPieceActions.Action.single:
            endWord()
            put(scalar)
            endWord()
        case WordPieceActions.Action.hangul:
            flushPending()
            let offset = scalar - UnicodeSets.hangul.lowerBound
            put(0x1100 + offset / 588)
            put(0x1161 + offset % 588 / 28)
            if offset % 28 != 0 { put(0x11A7 + offset % 28) }
        default:
            let program = Int(action - WordPieceActions.Action.firstProgram)
            for index in Int(programStarts[program])..<Int(programStarts[program + 1]) { run(steps[index]) }
        }
    }

    private mutating func run(_ step: WordPieceActions.Step) {
        typealias Kind = WordPieceActions.Step.Kind
        switch step.kind {
        case Kind.word:
            if !pending.isEmpty { flushPending() }
            put(step.scalar)
        case Kind.separator:
            endWord()
        case Kind.barrier:
            flushPending()
        case Kind.single:
            endWord()
            put(step.scalar)
            endWord()
        default:
            let order = UInt64(truncatingIfNeeded: pending.count) & 0x7_FFFF_FFFF
            pending.append(UInt64(step.combiningClass) << 56 | order << 21 | UInt64(step.scalar))
        }
    }

    /// Writes the waiting marks in canonical order: by combining class, then as they came.
    private mutating func flushPending() {
        guard !pending.isEmpty else { return }
        pending.sort()
        for entry in pending { put(UInt32(truncatingIfNeeded: entry & 0x1F_FFFF)) }
        pending.removeAll(keepingCapacity: true)
    }

    /// Adds one code point to the word. Beyond the longest word only the count matters.
    private mutating func put(_ scalar: UInt32) {
        wordCharacters &+= 1
        guard wordCharacters <= mostCharacters else { return }
        wordBytes &+= encodeUTF8(scalar, to: word + wordBytes)
    }

    /// Cuts the word, if there is one, into ids.
    private mutating func endWord() {
        if !pending.isEmpty { flushPending() }
        guard wordCharacters > 0 else { return }
        defer {
            wordBytes = 0
            wordCharacters = 0
        }
        guard wordCharacters <= mostCharacters else {
            ids.append(unknownID)
            return
        }
        let first = ids.count
        var start = 0
        var root: UInt32 = WordPieceVocabulary.initialRoot
        while start < wordBytes {
            let (length, id) = trie.longestPrefix(word + start, count: wordBytes &- start, root: root)
            guard length > 0 else {
                ids.removeSubrange(first...)
                ids.append(unknownID)
                return
            }
            ids.append(id)
            start &+= length
            root = WordPieceVocabulary.continuingRoot
        }
    }
}
