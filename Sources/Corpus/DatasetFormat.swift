import Foundation
import Support

/// The formats of data files, by the ends of their names.
enum DatasetFormat: Equatable {
    case csv, tsv, jsonLines, plain

    /// The format of a file.
    ///
    /// - Parameter path: What the file is called; if its name says nothing, whether it is there at all is said first.
    init(path: String, requiresLabels: Bool) throws(FileError) {
        let end = (path as NSString).pathExtension.lowercased()
        switch end {
        case "csv": self = .csv
        case "tsv", "tab": self = .tsv
        case "jsonl", "json", "ndjson": self = .jsonLines
        case "txt" where !requiresLabels, "" where !requiresLabels: self = .plain
        default:
            try TextFile.check(path)
            switch end {
            case "gz", "bz2", "xz", "zst", "zip", "lz4", "7z", "tar", "tgz":
                throw FileError(path, "is compressed by its name; unpack it first, or rename it")
            case "xlsx", "xls", "ods", "parquet", "arrow", "feather":
                throw FileError(path, "what format is this? Its name says .\(end); save the data as .csv in UTF-8")
            case _ where TaggedReader.hasColumns(path):
                throw FileError(
                    path,
                    "holds words with tags by its name, which --task token-classification reads; name it .csv, .tsv or "
                        + ".jsonl where it has texts")
            case "txt": throw FileError(path, "plain text has no labels; give a .csv, .tsv or .jsonl file")
            default:
                throw FileError(
                    path, "what format is this? Name it .csv, .tsv or .jsonl (.txt where no labels are needed)")
            }
        }
    }
}
