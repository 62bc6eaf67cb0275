import Corpus
import Dashboard
import Foundation
import Support

/// What there is to fetch, for people.
enum CatalogTable {
    static func text(_ cache: FetchCache) -> String {
        let head = ["name", "size", "classes", "train + test", "fetched", "source", ""]
        let rows = DatasetCatalog.entries.map { entry in
            [
                entry.name, Format.bytes(entry.archiveBytes), entry.isModel ? "-" : "\(entry.classes)",
                entry.isModel
                    ? "-" : "\(Format.count(entry.trainExamples)) + \(Format.count(entry.testExamples))",
                cache.has(entry) ? "yes" : cache.has(entry, orOlder: true) ? "in part" : "-", entry.source,
                entry.summary,
            ]
        }
        var table = TextTable(columns: head)
        for row in rows { table.add(row.map { .text($0) }) }
        return (table.lines + ["", "Sizes are those of the downloads. They are kept in \(cache.path)."])
            .joined(separator: "\n")
    }
}
