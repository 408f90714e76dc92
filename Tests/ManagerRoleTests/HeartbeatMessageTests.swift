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
        // What has come since: 4 bytes of load, and three empty lists.
        for (left, busyMB) in [(16, 0), (12, 256)] {
            var whole = HeartbeatMessage(number: 7, changes: [Self.entry], busyMB: 256).body
            let slice = whole.readSlice(length: whole.readableBytes - left)
            let body = try #require(slice)
            let expected = HeartbeatMessage(number: 7, changes: [Self.entry], busyMB: busyMB)
            #expect(try HeartbeatMessage(body: body) == expected)
        }
    }

    @Test func registrationOfAReleaseThatTellsNoLeashIsUnderstood() throws {
        let old = WorkerRegistration(standing: .init(), description: ByteBuffer(string: "{}"), leashMilliseconds: nil)
        #expect(try WorkerRegistration(body: old.body) == old)
    }
}
