import Foundation
import Testing

@testable import Cluster

/// What the coordinator sees to on its disk.
struct RunDiskTests {
    private let scratch: String

    init() throws {
        scratch = NSTemporaryDirectory() + "shoal-disk-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    }

    private func inRun(_ body: (RunDirectory) throws -> Void) throws {
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        try body(try RunDirectory("\(scratch)/run"))
    }

    @Test func `a new run without room for its end is refused, one that goes on is warned`() throws {
        try inRun { directory in
            let disk = RunDisk(directory: directory, sockets: nil, keepCheckpoints: 2)
            let size = StateSize(floats: 1_000_000, momentFloats: 2_000_000, hasValidation: false)
            #expect(try disk.checkRoom(for: size, isResumed: false, free: nil) == nil)
            #expect(try disk.checkRoom(for: size, isResumed: false, free: 40_000_000) == nil)
            let low = try disk.checkRoom(for: size, isResumed: false, free: 39_999_999)
            #expect(low?.contains("the run needs 40 MB") == true, "\(low ?? "")")
            #expect(throws: RunError.self) { try disk.checkRoom(for: size, isResumed: false, free: 1_000_000) }
            let resumed = try disk.checkRoom(for: size, isResumed: true, free: 1_000_000)
            #expect(resumed?.contains("needs 16 MB at its end") == true, "\(resumed ?? "")")
        }
    }

    @Test func `an end that could not be written says what is left of the run`() throws {
        try inRun { directory in
            var disk = RunDisk(directory: directory, sockets: nil, keepCheckpoints: 2)
            let size = StateSize(floats: 1_000_000, momentFloats: 2_000_000)
            let error = RunError.failed("no room")
            #expect(disk.explained(error, size: size).description == "no room", "nothing failed to be kept")
            disk.saved(false)
            #expect(disk.explained(error, size: size).description.contains("no checkpoint is left of the run"))
            try FileManager.default.createDirectory(
                atPath: "\(directory.path)/checkpoints/step-00000007", withIntermediateDirectories: true)
            let text = disk.explained(error, size: size).description
            #expect(text.contains("the state of step 7 is kept: if the disk is full, free 16 MB"), "\(text)")
            #expect(text.hasSuffix("resume \(directory.path)"), "\(text)")
            disk.saved(true)
            #expect(disk.explained(error, size: size).description == "no room", "the newest attempt worked")
        }
    }

    @Test func `sockets that are removed are made again, and that is said once`() throws {
        try inRun { directory in
            let sockets = try #require(SocketFolder(endpoint: "ipc://\(scratch)/shoal-abcdef/control"))
            var disk = RunDisk(directory: directory, sockets: sockets, keepCheckpoints: 2)
            let control = "\(sockets.path)/control"
            #expect(FileManager.default.createFile(atPath: control, contents: nil))
            #expect(disk.checkPlaces { false } == [])
            try FileManager.default.removeItem(atPath: sockets.path)
            let lines = disk.checkPlaces { false }
            #expect(lines.count == 1 && lines.first?.contains("cannot be made again") == true, "\(lines)")
            let more = disk.checkPlaces { FileManager.default.createFile(atPath: control, contents: nil) }
            #expect(more == [] && sockets.isThere, "it is tried again, and said once")
            unlink(control)
        }
    }

    @Test(arguments: [0, 1]) func `checkpoints go at the end only where none are to be kept`(keep: Int) throws {
        try inRun { directory in
            let folder = "\(directory.path)/checkpoints/step-00000007"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let disk = RunDisk(directory: directory, sockets: nil, keepCheckpoints: keep)
            #expect(disk.removeUnwantedCheckpoints() == nil)
            #expect(FileManager.default.fileExists(atPath: folder) == (keep > 0))
        }
    }
}
