import Glibc

/// The host's clocks.
package enum SystemClock {
    /// Nanoseconds since the host was started, those included in which it slept. Nobody can set this clock.
    package static func sinceBoot() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
