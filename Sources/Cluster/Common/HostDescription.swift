import Foundation

/// What a process knows about itself and its machine.
enum HostDescription {
    /// What this worker says in its greeting.
    static func worker(threads: Int) -> WorkerDescription {
        let info = cpuInformation()
        return WorkerDescription(
            host: String(ProcessInfo.processInfo.hostName.prefix(200)), pid: Int(getpid()), threads: threads,
            cpu: info.model, instructionSet: info.instructionSet)
    }

    /// The processor's name and its widest vector instructions, by which matrix products differ in their bits.
    static func cpuInformation() -> (model: String, instructionSet: String) {
        // Only the first processor's paragraph is read; with hundreds of them the whole would be a megabyte.
        guard let handle = FileHandle(forReadingAtPath: "/proc/cpuinfo") else { return ("unknown", "unknown") }
        defer { try? handle.close() }
        let text = String(decoding: (try? handle.read(upToCount: 16384)) ?? Data(), as: UTF8.self)
        var model = "unknown"
        var flags: Set<Substring> = []
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].trimmingCharacters(in: .whitespaces)
            if key == "model name", model == "unknown" {
                model = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            } else if key == "flags", flags.isEmpty {
                flags = Set(line[line.index(after: colon)...].split(separator: " "))
            }
        }
        var set =
            flags.contains("avx512f") ? "AVX-512" : flags.contains("avx2") ? "AVX2" : flags.isEmpty ? "unknown" : "SSE"
        // What matters for bfloat16 alone comes after "with": see WorkerDescription.products(in:).
        if flags.contains("amx_bf16") {
            set += " with AMX"
        } else if flags.contains("avx512_bf16") {
            set += " with BF16"
        }
        return (String(model.prefix(200)), set)
    }

    /// The bytes of memory that this process has in use.
    static func residentBytes() -> UInt64 {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
