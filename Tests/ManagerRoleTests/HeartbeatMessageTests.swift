import FleetProtocol
import NIOCore
import Testing

struct HeartbeatMessageTests {
    private static let entry = CensusEntry(.init(partition: 3, configuration: "c", memoryMB: 128), count: 2)

    @Test func heartbeatIsReadAsItWasWritten() throws {
        let message = HeartbeatMessage(number: 7, changes: [Self.entry], busyMB: 256)
        #expect(try HeartbeatMessage(body: message.body) == message)
    }

    @Test func heartbeatOfAReleaseThatTellsNoLoadIsUnderstood() throws {
        var whole = HeartbeatMessage(number: 7, changes: [Self.entry], busyMB: 256).body
        let slice = whole.readSlice(length: whole.readableBytes - 4)
        let body = try #require(slice)
        #expect(try HeartbeatMessage(body: body) == HeartbeatMessage(number: 7, changes: [Self.entry]))
    }
}
