import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct ShardMapTests {
    private let map = ShardMap(count: 32)

    private func lane(_ name: String) -> EventLane { .function(FunctionName(name)) }

    @Test(arguments: 2...33)
    func laneHasTwoDifferentShardsOfThoseThereAre(count: Int) {
        let map = ShardMap(count: count)
        for number in 0..<500 {
            let (first, second) = map.shards(of: lane("f\(number)"))
            #expect(first != second)
            #expect((0..<count).contains(first) && (0..<count).contains(second))
        }
    }

    /// Events are where these numbers say: whoever changes them loses what is queued.
    @Test(arguments: [
        (EventLane.function(FunctionName("f")), 24, 13),
        (.function(FunctionName("orders")), 2, 31),
        (.function(FunctionName("ORDERS")), 25, 20),
        (.function(FunctionName(String(repeating: "x", count: 64))), 20, 19),
        (.destination("arn:aws:sqs:us-east-1:000000000000:q"), 15, 23),
        (.destination("f"), 21, 2),
    ])
    func shardsOfALaneNeverChange(lane: EventLane, first: Int, second: Int) {
        #expect(map.shards(of: lane) == (first, second))
    }

    @Test func shardsAreUsedEvenly() {
        var counts = [Int](repeating: 0, count: map.count)
        let lanes = 6400
        for number in 0..<lanes {
            let (first, second) = map.shards(of: lane("service-\(number)"))
            counts[first] += 1
            counts[second] += 1
        }
        let expected = 2 * lanes / map.count
        #expect(counts.allSatisfy { abs($0 - expected) < expected / 4 }, "\(counts)")
    }

    /// Two lanes that share both shards can hold each other up; of 32 shards, two in a thousand do.
    @Test func fewLanesShareBothShards() {
        let pairs = (0..<400).map { number in
            let (first, second) = map.shards(of: lane("f\(number)"))
            return min(first, second) * map.count + max(first, second)
        }
        var shared = 0
        for (index, pair) in pairs.enumerated() {
            shared += pairs[(index + 1)...].count { $0 == pair }
        }
        #expect(Double(shared) / Double(400 * 399 / 2) < 0.004)
    }
}
