package import LambdaAPI

/// What one pass over the store has removed.
package struct RetentionReport: Sendable, Hashable {
    /// Files whose events had all expired.
    package var expired = 0
    /// Files that went because all together were too large.
    package var displaced = 0
    /// Whether more is to be removed than one pass may.
    package var isUnfinished = false
}

extension LogStore {
    /// Whether the files have become larger than they may be.
    package var isOversized: Bool { size > settings.sizeMax }

    /// Removes what has expired, and then what has been there longest until the rest is small enough.
    ///
    /// - Parameter removalsMax: The most files that one call removes.
    package func enforceRetention(now: Timestamp, removalsMax: Int) throws(LogStoreError) -> RetentionReport {
        var report = RetentionReport()
        try removeExpired(now: now, removalsMax: removalsMax, &report)
        try removeOldest(removalsMax: removalsMax - report.expired, &report)
        return report
    }

    private func removeExpired(
        now: Timestamp,
        removalsMax: Int,
        _ report: inout RetentionReport
    ) throws(LogStoreError) {
        for group in allGroups {
            guard let expiry = group.metadata.expiry(at: now) else { continue }
            for stream in group.streams {
                for segment in stream.summary(group: "").segments {
                    guard let last = segment.times?.upperBound, last < expiry else { continue }
                    guard report.expired < removalsMax else {
                        report.isUnfinished = true
                        return
                    }
                    try remove(segment, of: stream, in: group, expectedEnd: segment.end)
                    report.expired += 1
                }
            }
        }
    }

    private func removeOldest(removalsMax: Int, _ report: inout RetentionReport) throws(LogStoreError) {
        guard isOversized else { return }
        var segments = allGroups.flatMap { group in
            group.streams.flatMap { stream in
                stream.summary(group: "").segments.map { segment in
                    (
                        time: segment.times?.upperBound ?? stream.creationTime, segment: segment, stream: stream,
                        group: group
                    )
                }
            }
        }
        segments.sort { $0.time > $1.time }
        while isOversized, let oldest = segments.popLast() {
            guard report.displaced < removalsMax else {
                report.isUnfinished = true
                return
            }
            try remove(oldest.segment, of: oldest.stream, in: oldest.group, expectedEnd: nil)
            report.displaced += 1
        }
    }

    private func remove(
        _ segment: Segment,
        of stream: StoredStream,
        in group: StoredGroup,
        expectedEnd: Int?
    ) throws(LogStoreError) {
        if try !stream.removeSegment(segment.id, expectedEnd: expectedEnd) { _ = group.removeIfEmpty(stream) }
    }
}
