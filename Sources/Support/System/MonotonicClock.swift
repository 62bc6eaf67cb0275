import Foundation

/// Seconds on a clock that never goes back and is the same in all processes of the machine (CLOCK_MONOTONIC).
public func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
