import ArgumentParser
import Corpus
import Foundation
import Support

/// Where the texts of `predict` and `tokenize` come from.
enum TextSource {
    /// Given on the command line, or read before.
    case given([Example])
    /// A data file with records: CSV, TSV or JSON Lines.
    case records(path: String, columns: ColumnNames)
    /// A file with one text per line, or standard input (`-`). `orText`: the command takes texts by `--text` too.
    case lines(path: String, orText: Bool)

    /// How many texts are worked on at a time, and about how many bytes.
    struct Window {
        var count: Int
        var bytes = 4 << 20
    }

    /// The source that options ask for: texts, a file, or standard input.
    ///
    /// - Parameter texts: Those of `--text`; nil for a command that has no such option.
    init(texts: [Example]?, file: String?, columns: ColumnNames) {
        if let texts, !texts.isEmpty {
            self = .given(texts)
        } else if let file, Self.isRecordFile(file) {
            self = .records(path: file, columns: columns)
        } else {
            self = .lines(path: file ?? "-", orText: texts != nil)
        }
    }

    /// Makes sure that columns are named only where there are some.
    func check(_ columns: ColumnNames) throws {
        guard case .lines(let path, _) = self else { return }
        guard let option = columns.text != nil ? "text-column" : columns.textPair != nil ? "text-pair-column" : nil
        else { return }
        throw ValidationError(
            "--\(option): \(path == "-" ? "standard input" : path.printable()) is read as one text per line, without "
                + "columns; leave it out, or give a file that ends with .csv, .tsv or .jsonl")
    }

    /// What messages call it.
    var name: String {
        switch self {
        case .given: "--text"
        case .records(let path, _): path
        case .lines("-", _): "standard input"
        case .lines(let path, _): path
        }
    }

    private static func isRecordFile(_ path: String) -> Bool {
        ["csv", "tsv", "tab", "jsonl", "json", "ndjson"].contains((path as NSString).pathExtension.lowercased())
    }

    /// Calls `body` with all texts in order, some at a time: memory does not grow with the source.
    func forEachWindow(_ window: Window, _ body: ([Example]) throws -> Void) throws {
        switch self {
        case .given(let texts):
            for first in stride(from: 0, to: texts.count, by: window.count) {
                try body(Array(texts[first..<min(first + window.count, texts.count)]))
            }
        case .records(let path, let columns): try Self.records(path, columns, window, body)
        case .lines(let path, let orText): try Self.lines(path, orText: orText, window, body)
        }
    }

    private static func records(
        _ path: String, _ columns: ColumnNames, _ window: Window, _ body: ([Example]) throws -> Void
    ) throws {
        var texts: [Example] = []
        var bytes = 0
        // The reader lets only its own errors through.
        var failure: (any Error)?
        func work() {
            guard failure == nil, !texts.isEmpty else { return }
            do { try body(texts) } catch { failure = error }
            texts.removeAll(keepingCapacity: true)
            bytes = 0
        }
        try DatasetReader.forEach(path, options: .init(columns: columns, labels: nil)) { record in
            guard failure == nil else { return }
            texts.append(Example(text: record.text, pair: record.pair))
            bytes += record.text.utf8.count + (record.pair?.utf8.count ?? 0)
            if texts.count >= window.count || bytes >= window.bytes { work() }
        }
        work()
        if let failure { throw failure }
    }

    /// Refuses what could make everything wait: a file that is not regular, unless it stands for what the shell has
    /// opened (/dev/stdin, /dev/fd/N).
    private static func requireText(_ descriptor: Int32, _ path: String) throws {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return }
        let kind = info.st_mode & S_IFMT
        if kind == S_IFREG { return }
        let isOpened = path.hasPrefix("/dev/") || path.hasPrefix("/proc/")
        guard isOpened, kind == S_IFIFO || isatty(descriptor) == 1 else {
            close(descriptor)
            throw FileError(
                path,
                kind == S_IFDIR
                    ? "is a folder; give a file" : "not a regular file; give it as standard input (with <)")
        }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    }

    private static func lines(
        _ path: String, orText: Bool, _ window: Window, _ body: ([Example]) throws -> Void
    ) throws {
        guard !TaggedReader.hasColumns(path) else {
            throw FileError(
                path,
                "its lines are words with tags, which only models for --task token-classification read; give texts, one "
                    + "per line, in a file with another ending")
        }
        var descriptor = STDIN_FILENO
        if path == "-" {
            if isatty(descriptor) == 1 { StandardError.write("reading texts, one per line; end with Ctrl-D") }
        } else {
            // Without O_NONBLOCK, opening a FIFO would wait for a writer.
            descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else {
                let reason =
                    errno == ENOENT
                    ? "no such file; \(orText ? "a text itself is given with --text" : "check the path")"
                    : "cannot be opened: \(String(cString: strerror(errno)))"
                throw FileError(path, reason)
            }
            try requireText(descriptor, path)
        }
        defer { if path != "-" { close(descriptor) } }
        let reader = LineReader(
            descriptor: descriptor, source: path == "-" ? "standard input" : path)
        while true {
            let lines = try reader.next(count: window.count, byteLimit: window.bytes)
            guard !lines.isEmpty else { return }
            try body(lines.map { Example(text: $0) })
        }
    }
}
