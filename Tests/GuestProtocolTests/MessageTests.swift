import GuestProtocol
import TestSupport
import Testing

@Suite struct MessageTests {
    private static let process = GuestProcess(
        executable: "/usr/bin/python3",
        arguments: ["python3", "-c", "print('ü')", ""],
        environment: ["A=1", "B="],
        workingDirectory: "/var/task",
        output: StreamNumber(rawValue: 2),
        channel: StreamNumber(rawValue: 4)
    )
    private static let hostMessages: [HostMessage] = [
        .hello(version: 7),
        .request(
            RequestNumber(rawValue: 1),
            .identify(
                GuestIdentity(entropy: Array(0..<64), unixNanoseconds: 1_700_000_000_123_456_789, hostName: "sandbox")
            )
        ),
        .request(
            RequestNumber(rawValue: 2),
            .mount(GuestMount(drive: 1, fileSystem: .image, target: "/var/task"))
        ),
        .request(RequestNumber(rawValue: 3), .limit(memoryBytes: 128 << 20, processes: 1024)),
        .request(RequestNumber(rawValue: 4), .listen(port: 9001)),
        .request(RequestNumber(rawValue: 5), .start(process)),
        .request(RequestNumber(rawValue: 6), .connect(GuestAddresses(own: 0x6440_0001, gateway: 0xa9fe_4e01))),
        .request(RequestNumber(rawValue: .max), .killAll),
        .request(RequestNumber(rawValue: 7), .unmount(target: "/tmp")),
        .request(RequestNumber(rawValue: 6), .adjustClock(nanoseconds: -20_000_000)),
        .signal(RequestNumber(rawValue: 5), number: 15),
        .stream(StreamNumber(rawValue: 2), .open(port: 8080)),
        .stream(StreamNumber(rawValue: 2), .data([1, 2, 3])),
        .stream(StreamNumber(rawValue: 2), .end),
        .stream(StreamNumber(rawValue: 2), .reset),
        .stream(StreamNumber(rawValue: 2), .credit(32768)),
        .shutDown,
    ]
    private static let guestMessages: [GuestMessage] = [
        .hello(version: 1),
        .done(RequestNumber(rawValue: 9), clock: 1 << 60),
        .failed(RequestNumber(rawValue: 9), GuestFailure(errno: 2, step: "execute")),
        .exited(RequestNumber(rawValue: 9), .exited(255)),
        .exited(RequestNumber(rawValue: 9), .signalled(9)),
        .memory(GuestMemory(peakBytes: 1 << 40, kills: 3)),
        .stream(StreamNumber(rawValue: 1), .data(ArraySlice(repeating: 5, count: GuestLink.chunkBytesMax))),
    ]

    @Test(arguments: [1, 7, 16, 1 << 20])
    func everyMessageArrivesAsItWasSentHoweverItIsCut(pieceBytes: Int) throws {
        var toGuest: [UInt8] = []
        for message in Self.hostMessages { message.write(to: &toGuest) }
        var guest = HostMessageDecoder()
        #expect(try read(toGuest, by: pieceBytes, { guest.append($0) }, { try guest.next() }) == Self.hostMessages)

        var toHost: [UInt8] = []
        for message in Self.guestMessages { message.write(to: &toHost) }
        var host = GuestMessageDecoder()
        #expect(try read(toHost, by: pieceBytes, { host.append($0) }, { try host.next() }) == Self.guestMessages)
    }

    private func read<Message>(
        _ bytes: [UInt8],
        by pieceBytes: Int,
        _ append: (ArraySlice<UInt8>) -> Void,
        _ next: () throws -> Message?
    ) throws -> [Message] {
        var messages: [Message] = []
        for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
            append(bytes[start..<min(start + pieceBytes, bytes.count)])
            while let message = try next() { messages.append(message) }
        }
        return messages
    }

    @Test func aLongFrameIsRefusedByItsHead() {
        var decoder = GuestMessageDecoder()
        decoder.append([0xff, 0xff, 0xff, 0xff, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: ProtocolViolation.self) { try decoder.next() }
    }

    @Test(
        arguments: [
            // Of no known kind; a flag of 2; bytes after the end; a body that ends early; a string longer than its frame.
            [0, 0, 0, 0, 63, 0, 0, 0],
            [2, 0, 0, 0, 67, 0, 0, 0, 2, 0],
            [1, 0, 0, 0, 65, 0, 0, 0, 0],
            [3, 0, 0, 0, 64, 0, 0, 0, 1, 0, 0],
            [8, 0, 0, 0, 66, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0],
            // An empty piece of a stream; a message of the host's.
            [0, 0, 0, 0, 129, 0, 0, 0],
            [0, 0, 0, 0, 2, 0, 0, 0],
        ] as [[UInt8]]
    )
    func whatNoMessageIsIsRefused(message: [UInt8]) {
        var decoder = GuestMessageDecoder()
        decoder.append(message.prefix(8) + [9, 0, 0, 0, 0, 0, 0, 0] + message.dropFirst(8))
        #expect(throws: ProtocolViolation.self) { try decoder.next() }
    }

    @Test(arguments: ["var/task", "/var/../etc", "/./tmp", ""])
    func aMountHasAPlainPlace(target: String) {
        var bytes: [UInt8] = []
        HostMessage.request(
            RequestNumber(rawValue: 1),
            .mount(GuestMount(drive: 0, fileSystem: .image, target: target))
        ).write(to: &bytes)
        var decoder = HostMessageDecoder()
        decoder.append(bytes)
        #expect(throws: ProtocolViolation.self) { try decoder.next() }
    }

    /// The bytes of messages of the host's that are nearly right: an agent that believed them would cut itself off.
    @Test(
        arguments: [
            (0, 0xa9fe_4e01), (0x6440_0001, 0), (0x7f00_0001, 0xa9fe_4e01), (0x6440_0001, 0xe000_0001),
            (0xffff_ffff, 0xa9fe_4e01), (0x6440_0001, 0x6440_0001),
        ] as [(UInt32, UInt32)]
    )
    func anAddressIsThatOfOneHost(own: UInt32, gateway: UInt32) {
        var bytes: [UInt8] = []
        let addresses = GuestAddresses(own: own, gateway: gateway)
        HostMessage.request(RequestNumber(rawValue: 1), .connect(addresses)).write(to: &bytes)
        var decoder = HostMessageDecoder()
        decoder.append(bytes)
        #expect(throws: ProtocolViolation.self) { try decoder.next() }
    }

    /// Bytes that are nearly right reach further than random ones.
    @Test(arguments: UInt64(1)...20)
    func alteredBytesAreReadOrRefused(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var original: [UInt8] = []
        for message in Self.guestMessages + Self.guestMessages { message.write(to: &original) }
        for _ in 0..<200 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<min(bytes.count, 400), using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            var decoder = GuestMessageDecoder()
            decoder.append(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            while let message = try? decoder.next() {
                // What is read is a message like any other, and can be written.
                var again: [UInt8] = []
                message.write(to: &again)
                #expect(!again.isEmpty, "seed \(seed)")
            }
        }
    }
}
