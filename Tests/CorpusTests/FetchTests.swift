import Foundation
import Support
import Testing

@testable import Corpus

/// Nothing here goes to the network: archives come from a folder, or from a stand-in for curl.
@Suite("Fetching")
struct FetchTests {
    let scratch = Scratch()

    private static let contents = FetchEntry.Contents.tables(train: "in/train.tab", test: "in/test.tab")
    private static let train = "Category\tText\nd\tstring\nclass\t\n\t\nx\tone, \"two\"\n\nno tab\ny\tthree\n"
    private static let test = "Category\tText\nd\tstring\nclass\t\n\nx\tfour\n"

    private func archive(test: String? = test) -> [UInt8] {
        var members = [("in/train.tab", Array(Self.train.utf8)), ("in/other", [1, 2, 3])]
        if let test { members.append(("in/test.tab", Array(test.utf8))) }
        return ArchiveFixture.zip(members)
    }

    private func entry(_ archive: [UInt8]) -> FetchEntry {
        ArchiveFixture.entry("tables", Self.contents, archive: archive, file: "t-1.whl")
    }

    /// A fetcher that takes archives from the scratch folder.
    private func offline() -> Fetcher {
        Fetcher(environment: ["SHOAL_CACHE": "\(scratch.path)/cache", "SHOAL_FETCH_FROM": scratch.path])
    }

    /// A fetcher whose curl is this script. It finds the scratch folder in `$HERE`, the address in `$url`, where to
    /// write in `$out`.
    private func online(curl script: String) throws -> Fetcher {
        let tools = "\(scratch.path)/tools"
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        let head = """
            #!/bin/sh
            echo "$@" >> "$HERE/arguments"
            while [ $# -gt 0 ]; do case $1 in -o) out=$2;; esac; shift; done
            url=$(sed -n 's/^url = "\\(.*\\)"$/\\1/p')

            """
        try Data((head + script).utf8).write(to: URL(fileURLWithPath: "\(tools)/curl"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(tools)/curl")
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return Fetcher(environment: [
            "SHOAL_CACHE": "\(scratch.path)/cache", "PIP_INDEX_URL": "https://user:secret@index.invalid/simple/",
            "PATH": "\(tools):\(path)", "HERE": scratch.path,
        ])
    }

    private static let page = """
        [ -n "$out" ] || { echo '{"files": [{"filename": "t-1.whl", "url": "../../files/t-1.whl"}]}'; exit 0; }

        """

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// All there is in the cache.
    private func cached() -> [String] {
        let found = FileManager.default.enumerator(atPath: "\(scratch.path)/cache")?.allObjects as? [String]
        return (found ?? []).sorted()
    }

    private func failure(_ fetcher: Fetcher, _ entry: FetchEntry) async -> String {
        do {
            _ = try await fetcher.fetch(entry)
            return "no error"
        } catch { return "\(error)" }
    }

    @Test func `tables become CSV`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let folder = try await offline().fetch(entry(bytes))
        #expect(folder == "\(scratch.path)/cache/data/tables")
        #expect(text("\(folder)/train.csv") == "label,text\nx,\"one, \"\"two\"\"\"\ny,three\n")
        #expect(text("\(folder)/test.csv") == "label,text\nx,four\n")
        #expect(
            cached() == ["archives", "data"]
                + ["", "/fetched.json", "/test.csv", "/train.csv"].map { "data/tables\($0)" })
    }

    @Test func `an archive leaves the cache, unless another entry is made of it or it is the user's own`() async throws
    {
        let bytes = archive()
        let origin = scratch.file("t-1.whl", bytes)
        _ = try await offline().fetch(entry(bytes), keepsArchive: true)
        #expect(cached().contains("archives/t-1.whl"))
        let other = ArchiveFixture.entry("others", Self.contents, archive: bytes, file: "t-1.whl")
        _ = try await offline().fetch(other)
        #expect(!cached().contains("archives/t-1.whl"))
        #expect(FileManager.default.fileExists(atPath: origin))
        // The folder of the archives may be the cache's own.
        let kept = "\(scratch.path)/cache/archives"
        try FileManager.default.moveItem(atPath: origin, toPath: "\(kept)/t-1.whl")
        let own = Fetcher(environment: ["SHOAL_CACHE": "\(scratch.path)/cache", "SHOAL_FETCH_FROM": kept])
        _ = try await own.fetch(ArchiveFixture.entry("third", Self.contents, archive: bytes, file: "t-1.whl"))
        #expect(cached().contains("archives/t-1.whl"))
    }

    @Test(arguments: [
        "curl: (23) Failure writing output to destination", "curl: (23) client returned ERROR on write, 12 of 99 bytes",
    ]) func `a disk that is full while downloading is named`(said: String) async throws {
        let fetcher = try online(curl: Self.page + "printf half > \"$out\"; echo '\(said)' >&2; exit 23\n")
        let text = await failure(fetcher, entry(archive()))
        #expect(text.contains("is the disk full") && text.contains("SHOAL_CACHE"), "\(text)")
        #expect(text.contains("/cache/archives"), "\(text)")
        #expect(cached() == ["archives"])
    }

    @Test func `a disk that is full while unpacking is named`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let unzip = scratch.file("unzip", "#!/bin/sh\necho 'write error: No space left on device' >&2; exit 50\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: unzip)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let fetcher = Fetcher(environment: [
            "SHOAL_CACHE": "\(scratch.path)/cache", "SHOAL_FETCH_FROM": scratch.path, "PATH": "\(scratch.path):\(path)",
        ])
        let text = await failure(fetcher, entry(bytes))
        #expect(text.contains("no space left on this disk"), "\(text)")
        #expect(cached().allSatisfy { !$0.contains(".partial") && !$0.contains("tables") }, "\(cached())")
    }

    @Test func `a download that is larger than the free space is not begun`() {
        let error = #expect(throws: FileError.self) { try DiskSpace.check(scratch.path, bytes: 1 << 60) }
        #expect(error?.description.contains("no space left") == true)
        #expect(throws: Never.self) { try DiskSpace.check("\(scratch.path)/not/there", bytes: 1) }
    }

    @Test func `no program gets the password on its command line`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let fetcher = try online(curl: Self.page + "cp \"$HERE/t-1.whl\" \"$out\"\n")
        _ = try await fetcher.fetch(entry(bytes))
        let arguments = try #require(text("\(scratch.path)/arguments"))
        #expect(
            arguments.contains("-o") && !arguments.contains("secret") && !arguments.contains("user:"), "\(arguments)")
    }

    @Test func `no message has the password, whatever curl says`() async throws {
        let fetcher = try online(
            curl: "echo \"curl: (3) bad URL $url of user:secret, and secret again\" >&2; exit 3\n")
        let said = await failure(fetcher, entry(archive()))
        #expect(said.contains("index.invalid") && !said.contains("secret"), "\(said)")
    }

    @Test(arguments: [
        ("https://user:secret@host/p", "https://host/p"), ("https://secret@host", "https://host"),
        ("https://host:8080/a@b", "https://host:8080/a@b"), ("https://user:se/cret@host/p", "https://host/p"),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"), ("no address", "no address"),
        ("https://u:p%40q@host/", "https://host/"),
    ]) func `addresses are shown without passwords`(address: String, shown: String) {
        #expect(withoutPassword(address) == shown)
    }

    @Test func `what a program says of an address is shown without the password`() {
        let address = "https://user:p%40q@host/x"
        #expect(withoutPassword(of: address, in: "bad p@q of \(address)") == "bad … of https://host/x")
    }

    @Test func `what is in the cache is returned at once`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let folder = try await offline().fetch(entry(bytes))
        try FileManager.default.removeItem(atPath: "\(scratch.path)/t-1.whl")
        #expect(try await offline().fetch(entry(bytes)) == folder)
    }

    @Test(arguments: ["train.csv", "fetched.json"]) func `a torn folder is made anew`(file: String) async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let folder = try await offline().fetch(entry(bytes))
        #expect(truncate("\(folder)/\(file)", 5) == 0)
        #expect(!offline().cache.has(entry(bytes)))
        _ = try await offline().fetch(entry(bytes))
        #expect(text("\(folder)/train.csv") == "label,text\nx,\"one, \"\"two\"\"\"\ny,three\n")
        #expect(offline().cache.has(entry(bytes)))
    }

    @Test(arguments: ["test.csv", "fetched.json"]) func `a folder that lacks a file is made anew`(file: String)
        async throws
    {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let folder = try await offline().fetch(entry(bytes))
        try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
        #expect(!offline().cache.has(entry(bytes)))
        _ = try await offline().fetch(entry(bytes))
        #expect(text("\(folder)/test.csv") == "label,text\nx,four\n")
        #expect(offline().cache.has(entry(bytes)))
    }

    @Test func `a damaged archive in the cache is fetched again`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let folder = try await offline().fetch(entry(bytes))
        try FileManager.default.removeItem(atPath: folder)
        try Data("broken".utf8).write(to: URL(fileURLWithPath: "\(scratch.path)/cache/archives/t-1.whl"))
        _ = try await offline().fetch(entry(bytes))
        #expect(offline().cache.has(entry(bytes)))
    }

    @Test func `a corrupt archive is refused and removed`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", Array(bytes.dropLast()) + [7])
        let said = await failure(offline(), entry(bytes))
        #expect(said.contains("t-1.whl") && said.contains("corrupt") && said.contains("removed"), "\(said)")
        #expect(cached() == ["archives"])
    }

    @Test func `a member that is missing is named`() async throws {
        let bytes = archive(test: nil)
        _ = scratch.file("t-1.whl", bytes)
        let said = await failure(offline(), entry(bytes))
        #expect(said.contains("in/test.tab"), "\(said)")
        #expect(cached().allSatisfy { !$0.contains("tables") }, "\(cached())")
    }

    @Test func `an archive that is not in the folder is named`() async {
        let said = await failure(offline(), entry(archive()))
        #expect(said.contains("\(scratch.path)/t-1.whl") && said.contains("SHOAL_FETCH_FROM"), "\(said)")
    }

    @Test func `a cache that cannot be written is named`() async {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        _ = scratch.file("cache", "a file in the way")
        let said = await failure(offline(), entry(bytes))
        #expect(said.contains("\(scratch.path)/cache") && said.contains("SHOAL_CACHE"), "\(said)")
    }

    @Test func `many at once end with one whole folder`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let (fetcher, entry) = (offline(), entry(bytes))
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<6 { group.addTask { try await fetcher.fetch(entry) } }
            for try await folder in group { #expect(folder == fetcher.cache.folder(of: entry)) }
        }
        #expect(fetcher.cache.has(entry))
        #expect(cached().allSatisfy { !$0.contains(".partial") }, "\(cached())")
    }

    @Test func `scores become labels and every fifth line a test`() async throws {
        let lines = (0..<10).map { "\($0)\t\($0 % 2 == 0 ? 1.5 : -0.75)\ttext \($0)\r\n" }.joined()
        let table = "x\t0.5\tneither\r\n" + lines + "y\t-0.2\tneither\r\nz\t3\t \r\n"
        let nested = try ArchiveFixture.tarGzip([("in/scores.txt", table), ("in/b", "b")], in: scratch)
        let bytes = ArchiveFixture.zip([("p/scores.tar.gz", nested)])
        _ = scratch.file("s.zip", bytes)
        let entry = ArchiveFixture.entry(
            "scores", .scores(archive: "p/scores.tar.gz", member: "in/scores.txt"), archive: bytes, file: "s.zip")
        let folder = try await offline().fetch(entry)
        #expect(text("\(folder)/test.csv") == "label,text\npositive,text 4\nnegative,text 9\n")
        #expect(text("\(folder)/train.csv")?.hasPrefix("label,text\npositive,text 0\nnegative,text 1\n") == true)
    }

    @Test func `repeated texts are kept once`() async throws {
        let bytes = try ArchiveFixture.tarGzip(
            [("p/pos.txt", "a\nb\n\na\nboth\nc\n"), ("p/neg.txt", "d\n \nboth\nd\ne\n")], in: scratch)
        _ = scratch.file("l.tar.gz", bytes)
        let entry = ArchiveFixture.entry(
            "lines", .lines(positive: "p/pos.txt", negative: "p/neg.txt"), archive: bytes, file: "l.tar.gz")
        let folder = try await offline().fetch(entry)
        #expect(text("\(folder)/train.csv") == "label,text\npositive,a\npositive,b\npositive,c\nnegative,d\n")
        #expect(text("\(folder)/test.csv") == "label,text\nnegative,e\n")
    }

    @Test func `the index is asked for the address`() async throws {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let fetcher = try online(curl: Self.page + "echo \"$url\" > \"$HERE/asked\"; cp \"$HERE/t-1.whl\" \"$out\"\n")
        let folder = try await fetcher.fetch(entry(bytes))
        #expect(text("\(folder)/test.csv") == "label,text\nx,four\n")
        #expect(text("\(scratch.path)/asked") == "https://user:secret@index.invalid/files/t-1.whl\n")
    }

    @Test func `a download that breaks off leaves nothing`() async throws {
        let fetcher = try online(
            curl: Self.page + "printf half > \"$out\"; echo 'curl: (18) broken off' >&2; exit 18\n")
        let said = await failure(fetcher, entry(archive()))
        #expect(said.contains("curl: (18) broken off") && said.contains("index.invalid"), "\(said)")
        #expect(!said.contains("secret"), "\(said)")
        #expect(cached() == ["archives"])
    }

    @Test func `a download that is cancelled leaves nothing`() async throws {
        let fetcher = try online(curl: Self.page + "printf half > \"$out\"; : > \"$HERE/begun\"; exec sleep 600\n")
        let entry = entry(archive())
        let task = Task { try await fetcher.fetch(entry) }
        while !FileManager.default.fileExists(atPath: "\(scratch.path)/begun") {
            try await Task.sleep(for: .milliseconds(5))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(cached() == ["archives"])
    }

    @Test func `an index that cannot be reached is named without the password`() async throws {
        let fetcher = try online(curl: "echo 'curl: (6) Could not resolve host' >&2; exit 6\n")
        let said = await failure(fetcher, entry(archive()))
        #expect(said.contains("index.invalid") && said.contains("Could not resolve host"), "\(said)")
        #expect(!said.contains("secret"), "\(said)")
    }

    @Test func `a missing program is named`() async {
        let bytes = archive()
        _ = scratch.file("t-1.whl", bytes)
        let fetcher = Fetcher(environment: [
            "SHOAL_CACHE": "\(scratch.path)/cache", "SHOAL_FETCH_FROM": scratch.path, "PATH": "\(scratch.path)/none",
        ])
        let said = await failure(fetcher, entry(bytes))
        #expect(said.contains("unzip") && said.contains("apt-get install unzip"), "\(said)")
    }

    @Test(arguments: [
        ("<html>", "PEP 691"), ("{\"files\": []}", "does not have t-1.whl"),
        ("{\"files\": [{\"filename\": \"t-1.whl\", \"url\": \"file:///etc/passwd\"}]}", "no address"),
    ])
    func `a strange index is refused`(page: String, reason: String) {
        let error = #expect(throws: FileError.self) {
            try Fetcher.address(of: entry([]).archive, page: "https://i.invalid/simple/p/", data: Data(page.utf8))
        }
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func `what an interrupted fetch left goes after an hour`() throws {
        let (old, new) = ("\(scratch.path)/.a.partial-1-2", scratch.file(".b.partial-3-4", "new"))
        try FileManager.default.createDirectory(atPath: "\(old)/in", withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -4000)], ofItemAtPath: old)
        FetchCache.removeLeftovers(beside: "\(scratch.path)/a")
        #expect(!FileManager.default.fileExists(atPath: old))
        #expect(FileManager.default.fileExists(atPath: new))
    }

    @Test func `the cache follows the environment`() {
        #expect(FetchCache(environment: ["SHOAL_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"]).path == "/a")
        #expect(FetchCache(environment: ["SHOAL_CACHE": "", "XDG_CACHE_HOME": "/b", "HOME": "/c"]).path == "/b/shoal")
        #expect(FetchCache(environment: ["HOME": "/c"]).path == "/c/.cache/shoal")
    }

    @Test func `the catalogue is whole`() throws {
        #expect(Set(DatasetCatalog.entries.map(\.name)).count == 8)
        for entry in DatasetCatalog.entries {
            #expect(entry.archives.allSatisfy { $0.sha256.count == 64 && $0.bytes > 0 } && !entry.languages.isEmpty)
            #expect(entry.isModel == (entry.trainExamples == 0) && entry.isModel == (entry.classes == 0))
            #expect(try DatasetCatalog.entry(entry.name.uppercased()).name == entry.name)
        }
        let error = #expect(throws: FileError.self) { try DatasetCatalog.entry("mnist") }
        #expect(error?.description.contains("reuters-r8") == true)
    }
}
