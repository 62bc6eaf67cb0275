import Foundation
import Synchronization
import Testing

@testable import Support

@Suite struct ResourceLimitTests {
    @Test func `a thread runs what it is given`() throws {
        let done = DispatchSemaphore(value: 0)
        try NamedThread.start("a name longer than fifteen bytes") { done.signal() }
        #expect(done.wait(timeout: .now() + 30) == .success)
    }

    @Test func `a thread that cannot be started is an error`() {
        // No address space has room for this stack.
        #expect(throws: ResourceLimitError.self) { try NamedThread.start("huge", stackBytes: 1 << 62) {} }
    }

    @Test func `what cannot be had is an error that names it and the process`() throws {
        try ResourceProbe.threads(3, for: "this test")
        try ResourceProbe.files(3, for: "this test")
        try ResourceProbe.memory(1 << 20, for: "this test")
        let error = #expect(throws: ResourceLimitError.self) { try ResourceProbe.memory(1 << 60, for: "this test") }
        #expect(error?.description.contains("MiB of memory that this test needs") == true)
        #expect(error?.description.hasPrefix("process \(getpid()) cannot get") == true)
    }

    private func hint(
        _ code: Int32, _ limits: [ProcessLimits.Resource: UInt64] = [:], files: [String: String] = [:]
    ) -> String {
        ProcessLimits.hint(for: code, limit: { limits[$0] }, file: { files[$0] })
    }

    @Test func `the limit that is in the way is named`() {
        #expect(hint(EAGAIN, [.processes: 20]) == "raise ulimit -u (20 processes and threads of this user)")
        #expect(hint(EAGAIN, [.addressSpace: 1 << 20]) == "raise ulimit -v (1024 KiB of address space)")
        #expect(
            hint(EAGAIN, [.processes: 20, .addressSpace: 1 << 20]).hasPrefix("raise one of these: ulimit -u (20 "))
        #expect(hint(EMFILE, [.files: 64]) == "raise ulimit -n (64 open files)")
        #expect(hint(ENOMEM, [.addressSpace: 1 << 20]).contains("ulimit -v"))
        #expect(hint(ENOMEM).contains("memory of this machine"))
        #expect(hint(EAGAIN).contains("kernel.threads-max"))
        #expect(hint(EFBIG) == "raise ulimit -f (size of a file)")
        #expect(hint(ENOENT).isEmpty)
    }

    @Test func `the limit of a container is named`() {
        var files = ["/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/pids.max": "max\n"]
        #expect(!hint(EAGAIN, files: files).contains("pids.max"))
        files["/sys/fs/cgroup/a/pids.max"] = "33\n"
        #expect(hint(EAGAIN, files: files).hasPrefix("raise pids.max of its control group (33 processes and threads"))
        let old = ["/proc/self/cgroup": "8:pids:/x\n", "/sys/fs/cgroup/pids/x/pids.max": "12\n"]
        #expect(hint(EAGAIN, files: old).contains("pids.max of its control group (12 "))
    }
}
