package import LambdaAPI
import Logging
package import MetadataStore
import Synchronization
import Telemetry

// What operators do with the queue.
extension EventQueue {
    /// How many events are purged in one write.
    static let purgeMax = 2000

    /// Drops the events of a function that wait; those that run go on.
    ///
    /// - Returns: How many were dropped.
    package func purge(_ name: FunctionName) async throws(MetadataStoreError) -> Int {
        let lane = EventLane.function(name)
        let parts = state.withLock { $0.dispatcher.beginPurge(lane) }
        var total = 0
        var failure: MetadataStoreError?
        for (key, kept) in parts {
            var count = 0
            do throws(MetadataStoreError) {
                try await purge(key, except: kept, &count)
            } catch {
                failure = error
            }
            total += count
            update { state, now in
                state.depths[key.shard]? -= count
                return state.dispatcher.purged(key, count, at: now)
            }
        }
        if let failure { throw failure }
        total += try await purgeElsewhere(lane)
        if total > 0 {
            dependencies.logger.notice(
                "events were purged",
                metadata: [LogKey.functionName: "\(name)", LogKey.count: "\(total)"]
            )
        }
        return total
    }

    /// Removes a lane's events from shards that others work off; what they have in memory still runs.
    private func purgeElsewhere(_ lane: EventLane) async throws(MetadataStoreError) -> Int {
        let (first, second) = Self.shards.shards(of: lane)
        let others = state.withLock { state in [first, second].filter { state.leases[$0] == nil } }
        var count = 0
        for shard in others { try await purge(.init(shard: shard, lane: lane), except: [], &count) }
        return count
    }

    /// Removes a lane's events from the store in steps that hold up nobody who accepts events meanwhile.
    private func purge(
        _ key: Dispatcher.LaneKey,
        except kept: Set<EventID>,
        _ count: inout Int
    ) async throws(MetadataStoreError) {
        while true {
            let removed = try await dependencies.store.purge(
                key.lane,
                of: key.shard,
                except: kept,
                limit: Self.purgeMax
            )
            count += removed
            guard removed == Self.purgeMax else { return }
        }
    }

    /// What is in the queue now.
    package func report() async throws(MetadataStoreError) -> QueueReport {
        var oldest: [EventLane: Timestamp] = [:]
        for (shard, lanes) in state.withLock({ $0.dispatcher.lanesByShard }) {
            let found = try await dependencies.store.oldest(of: lanes, in: shard)
            oldest.merge(found) { min($0, $1) }
        }
        let now = dependencies.clock.now()
        return state.withLock { QueueReport($0.dispatcher.lanes, oldest: oldest, $0.metrics, at: now) }
    }
}
