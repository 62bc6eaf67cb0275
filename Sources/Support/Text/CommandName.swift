import Synchronization

/// What the program is called in the commands that its messages suggest: as it was called, such as `shoal`,
/// `./launch.sh` or `/opt/shoal/bin/shoal`. Set once at the start of the process.
public enum CommandName {
    private static let name = Mutex("shoal")

    /// The name, ready for a shell.
    public static var current: String {
        get { name.withLock { $0 } }
        set { name.withLock { $0 = newValue } }
    }

    /// A command to suggest: the name and these words, quoted for a shell where they must be.
    ///
    /// Words that stand for something, such as `NAME` or `…`, are as good as any.
    public static func line(_ words: String...) -> String {
        ([current] + words.map { shellQuoted($0.printable(limit: 1000)) }).joined(separator: " ")
    }
}
