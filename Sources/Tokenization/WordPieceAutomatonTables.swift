/// The tables that `WordPieceAutomaton` reads: all code points, and a shortcut for ASCII.
struct WordPieceAutomatonTables: Sendable {
    private let characters: WordPieceActions
    /// By byte: class in the high byte (see `WordPieceAutomaton.Class`), the byte to write in the low one.
    private let ascii: [UInt16]

    init(_ options: NormalizerOptions) {
        let characters = WordPieceActions.shared(options)
        self.characters = characters
        ascii = (0..<256).map { (byte: Int) -> UInt16 in
            typealias Class = WordPieceAutomaton.Class
            guard byte < 0x80 else { return Class.other << 8 }
            switch characters.actions[byte] {
            case WordPieceActions.Action.word: return Class.word << 8 | UInt16(byte)
            case WordPieceActions.Action.separator: return Class.separator << 8
            case WordPieceActions.Action.drop: return Class.drop << 8
            case WordPieceActions.Action.single: return Class.single << 8 | UInt16(byte)
            case let action where action >= WordPieceActions.Action.firstProgram:
                let program = Int(action - WordPieceActions.Action.firstProgram)
                let start = Int(characters.programStarts[program])
                let step = characters.steps[start]
                let isOneWordStep = Int(characters.programStarts[program + 1]) == start + 1 && step.kind == 0
                return isOneWordStep && step.scalar < 0x80
                    ? Class.word << 8 | UInt16(step.scalar) : Class.other << 8
            default: return Class.other << 8
            }
        }
    }

    /// Runs `body` with an automaton on these tables, and returns the ids that it found.
    func withAutomaton(
        trie: ByteTrie.View, vocabulary: WordPieceVocabulary, unknownID: Int32, word: UnsafeMutablePointer<UInt8>,
        limit: Int, _ body: (inout WordPieceAutomaton) -> Void
    ) -> [Int32] {
        ascii.withUnsafeBufferPointer { ascii in
            characters.actions.withUnsafeBufferPointer { actions in
                characters.programStarts.withUnsafeBufferPointer { starts in
                    characters.steps.withUnsafeBufferPointer { steps in
                        guard let ascii = ascii.baseAddress, let actions = actions.baseAddress,
                            let starts = starts.baseAddress
                        else { preconditionFailure("tables that are never empty") }
                        var automaton = WordPieceAutomaton(
                            ascii: ascii, actions: actions, programStarts: starts, steps: steps, trie: trie,
                            unknownID: unknownID, mostCharacters: vocabulary.mostCharacters, word: word, limit: limit)
                        body(&automaton)
                        return automaton.ids
                    }
                }
            }
        }
    }
}
