import Foundation

/// What the program is called in the commands that it prints: as it was called, or what `launch.sh` was called.
var programName: String {
    if let name = ProcessInfo.processInfo.environment["SHOAL_COMMAND"], !name.isEmpty { return name }
    return CommandLine.arguments.first ?? "shoal"
}
