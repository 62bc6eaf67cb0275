import Corpus
import Support

/// What a data file was made for, where that is plain from its labels.
public struct TaskGuess: Sendable {
    /// The task.
    public var task: any Task
    /// Why it is another than the usual one, for people; nil for the usual one.
    public var reason: String?

    /// Labels that are looked at.
    private static let most = 10_000
    /// From so many different numbers on, labels with decimals are no classes.
    private static let leastNumbers = 20

    /// Looks at the labels of a file.
    ///
    /// - Throws: An error about a file that cannot be read.
    ///
    /// - Parameter makesEmbeddings: Whether the model's folder is one of sentence-transformers.
    public init(_ path: String, columns: ColumnNames, makesEmbeddings: Bool = false) throws(FileError) {
        task = Tasks.standard
        if TaggedReader.isTagged(path) {
            task = TokenTagging()
            reason = "task: \(task.name), since words have tags (--task to change)"
            return
        }
        var (hasList, hasFraction, areNumbers, arePairs) = (false, false, true, true)
        var numbers: Set<Double> = []
        try DatasetReader.forEach(path, options: .init(columns: columns, first: Self.most)) { record in
            if record.pair == nil { arePairs = false }
            switch record.label {
            case .list: hasList = true
            case .text(let text):
                guard areNumbers, text.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || "+-.eE".utf8.contains($0) }),
                    let number = Double(text)
                else {
                    areNumbers = false
                    return
                }
                if number != number.rounded() { hasFraction = true }
                numbers.insert(number)
            case nil: areNumbers = false
            }
        }
        if hasList {
            task = MultiLabel()
            reason = "task: \(task.name), since labels are arrays (--task to change)"
        } else if areNumbers, hasFraction, numbers.count >= Self.leastNumbers, arePairs, makesEmbeddings {
            task = Embedding()
            reason =
                "task: \(task.name), since pairs have scores and the model makes embeddings (--task regression to "
                + "change)"
        } else if areNumbers, hasFraction, numbers.count >= Self.leastNumbers {
            task = Regression()
            reason = "task: \(task.name), since labels are numbers with decimals (--task classification for classes)"
        }
    }
}
