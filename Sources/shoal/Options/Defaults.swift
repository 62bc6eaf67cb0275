import Cluster
import Support

/// What counts where an option is not given; help texts quote it.
enum Defaults {
    static let maxLength = RunConfiguration.defaultMaxLength
    static let threads = min(1024, AvailableProcessors.count)
}
