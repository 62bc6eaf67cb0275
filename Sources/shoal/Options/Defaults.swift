import Cluster
import Foundation

/// What counts where an option is not given; help texts quote it.
enum Defaults {
    static let run = RunConfiguration(model: "", train: "", output: "")
    static let maxLength = RunConfiguration.defaultMaxLength
    static let threads = ProcessInfo.processInfo.activeProcessorCount
}
