import Foundation
import Testing

@testable import Support

struct FileTests {
    private func inScratch(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "shoal-files-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func `what is not a regular file is refused without waiting`() throws {
        try inScratch { folder in
            #expect(mkfifo("\(folder)/fifo", 0o600) == 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let path = "\(folder)/s"
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(socket) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(bound == 0)
            for (name, reason) in [
                ("fifo", "not a regular"), ("s", "a socket"), ("", "is a folder"), ("no", "cannot be opened"),
            ] {
                let error = #expect(throws: RegularFile.Problem.self) {
                    try RegularFile.read("\(folder)/\(name)", limit: 10)
                }
                #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
            }
            #expect(throws: RegularFile.Problem.self) { try RegularFile.read("/dev/zero", limit: 10) }
            try Data("0123456789".utf8).write(to: URL(fileURLWithPath: "\(folder)/f"))
            #expect(try RegularFile.read("\(folder)/f", limit: 10).count == 10)
            #expect(throws: RegularFile.Problem.self) { try RegularFile.read("\(folder)/f", limit: 9) }
            #expect(try RegularFile.readIfPresent("\(folder)/no", limit: 10) == nil)
        }
    }

    @Test func `a folder with a folder in it is not removed, and links are not followed`() throws {
        try inScratch { folder in
            for name in ["flat", "deep/inner"] {
                try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
                try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)/file"))
            }
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/flat/link", withDestinationPath: "../deep")
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "deep/inner")
            #expect(!FlatFolder.remove("\(folder)/deep"))
            #expect(FlatFolder.remove("\(folder)/link"))
            #expect(FlatFolder.remove("\(folder)/flat"))
            #expect(FlatFolder.names(in: folder) == ["deep"])
            #expect(FlatFolder.names(in: "\(folder)/deep/inner") == ["file"])
        }
    }
}
