import Synchronization

/// What normalizer and pre-tokenizer together do with each code point, for one setting of the options.
///
/// The reference runs four passes over the text (clean, space out ideographs, decompose and drop accents, lower case),
/// then splits. All but one of these act on each code point alone, so their composition is tabulated. The exception is
/// the canonical reordering of combining marks, which matters only for the few that survive the dropping of accents;
/// they are marked as `nonstarter` and sorted by `WordPieceAutomaton`.
struct WordPieceActions: Sendable {
    /// An entry of `actions` below `firstProgram`; from there on, entries are numbers of programs.
    enum Action {
        static let word: UInt16 = 0
        static let separator: UInt16 = 1
        /// Removed, as if it had never been there.
        static let drop: UInt16 = 2
        /// Removed, but marks do not change places across it.
        static let barrier: UInt16 = 3
        /// A word of its own.
        static let single: UInt16 = 4
        /// A Hangul syllable that is taken apart.
        static let hangul: UInt16 = 5
        static let firstProgram: UInt16 = 6
    }

    /// One step of a program: code point in bits 0-20, kind in bits 21-23, combining class in bits 24-31.
    struct Step: Sendable {
        enum Kind {
            static let word: UInt32 = 0
            static let separator: UInt32 = 1
            static let barrier: UInt32 = 2
            static let single: UInt32 = 3
            static let nonstarter: UInt32 = 4
        }

        var bits: UInt32

        init(_ kind: UInt32, _ scalar: UInt32 = 0, combiningClass: UInt32 = 0) {
            bits = scalar | kind << 21 | combiningClass << 24
        }

        var kind: UInt32 { bits >> 21 & 7 }
        var scalar: UInt32 { bits & 0x1F_FFFF }
        var combiningClass: UInt32 { bits >> 24 }
    }

    /// By code point.
    private(set) var actions: [UInt16]
    /// Program p is `steps[programStarts[p] ..< programStarts[p + 1]]`.
    private(set) var programStarts: [UInt32] = [0]
    private(set) var steps: [Step] = []

    private static let made = Mutex<[NormalizerOptions: WordPieceActions]>([:])

    /// The table for these options, made once: it takes milliseconds, and all tokenizers of a kind share it.
    static func shared(_ options: NormalizerOptions) -> WordPieceActions {
        made.withLock { made in
            if let table = made[options] { return table }
            let table = WordPieceActions(options)
            made[options] = table
            return table
        }
    }

    private init(_ options: NormalizerOptions) {
        let sets = UnicodeSets.shared
        let marks = Set(options.stripsAccents ? sets.marks.joined().map { $0 } : [])
        var classes: [UInt32: UInt16] = [:]
        for c in sets.whitespace.joined() { classes[c] = Action.separator }
        for c in sets.punctuation.joined() { classes[c] = Action.single }

        var table = [UInt16](repeating: Action.word, count: 0x110000)
        for (c, action) in classes { table[Int(c)] = action }
        func fill(_ ranges: [ClosedRange<UInt32>], _ action: UInt16) {
            table.withUnsafeMutableBufferPointer { table in
                for range in ranges {
                    table[Int(range.lowerBound)...Int(range.upperBound)].update(repeating: action)
                }
            }
        }
        if options.handleChineseCharacters { fill(sets.ideographs, Action.single) }
        if options.stripsAccents { fill([UnicodeSets.hangul], Action.hangul) }
        actions = table

        var programmed = Set<UInt32>()
        if options.lowercase { programmed.formUnion(sets.lowerCase.keys) }
        if options.stripsAccents {
            programmed.formUnion(sets.decompositions.keys)
            programmed.formUnion(sets.combiningClasses.keys)
            programmed.formUnion(marks)
        }
        for c in programmed.sorted() {
            var program: [Step] = []
            for d in options.stripsAccents ? sets.decompositions[c] ?? [c] : [c] {
                let combiningClass = options.stripsAccents ? sets.combiningClasses[d] ?? 0 : 0
                if marks.contains(d) {
                    if combiningClass == 0 { program.append(Step(Step.Kind.barrier)) }
                    continue
                }
                for e in options.lowercase ? sets.lowerCase[d] ?? [d] : [d] {
                    if combiningClass > 0 {
                        program.append(Step(Step.Kind.nonstarter, e, combiningClass: combiningClass))
                    } else if classes[e] == Action.separator {
                        program.append(Step(Step.Kind.separator))
                    } else {
                        program.append(Step(classes[e] == nil ? Step.Kind.word : Step.Kind.single, e))
                    }
                }
            }
            if actions[Int(c)] == Action.single && classes[c] == nil {
                program = [Step(Step.Kind.separator)] + program + [Step(Step.Kind.separator)]
            }
            add(program, for: c)
        }
        if options.cleanText {
            table = actions
            actions = []
            fill(sets.removed, Action.drop)
            actions = table
        }
    }

    private mutating func add(_ program: [Step], for c: UInt32) {
        if program.isEmpty {
            actions[Int(c)] = Action.drop
        } else if program.count == 1, program[0].kind == Step.Kind.barrier {
            actions[Int(c)] = Action.barrier
        } else {
            actions[Int(c)] = Action.firstProgram + UInt16(programStarts.count - 1)
            steps += program
            programStarts.append(UInt32(steps.count))
        }
    }
}
