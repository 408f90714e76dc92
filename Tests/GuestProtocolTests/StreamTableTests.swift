import GuestProtocol
import TestSupport
import Testing

@Suite struct StreamTableTests {
    private static let window = GuestLink.windowBytes

    private static func open(_ table: inout StreamTable) throws -> StreamNumber {
        let number = table.open()
        return try #require(number)
    }

    @Test func nobodySendsMoreThanTheWindow() throws {
        var host = StreamTable(end: .host)
        var guest = StreamTable(end: .guest)
        let number = try Self.open(&guest)
        #expect(try host.received(.open(port: 9001), on: number) == .connect(port: 9001))

        var total = 0
        while guest.sendable(number) > 0 {
            let count = guest.sendable(number)
            guest.sent(count, on: number)
            let piece = ArraySlice(repeating: UInt8(0), count: count)
            #expect(try host.received(.data(piece), on: number) == .deliver(piece))
            total += count
        }
        #expect(total == Self.window)
        #expect(throws: ProtocolViolation.self) { try host.received(.data([1]), on: number) }

        #expect(host.passedOn(Self.window / 2 - 1, of: number) == nil)
        let given = host.passedOn(1, of: number)
        let credit = try #require(given)
        #expect(try guest.received(.credit(credit), on: number) == .resume)
        #expect(guest.sendable(number) == min(Self.window / 2, GuestLink.chunkBytesMax))
    }

    @Test func creditBeyondTheWindowIsALie() throws {
        var host = StreamTable(end: .host)
        let number = try Self.open(&host)
        #expect(throws: ProtocolViolation.self) { try host.received(.credit(1), on: number) }
    }

    @Test func aStreamIsForgottenWhenBothDirectionsHaveEnded() throws {
        var host = StreamTable(end: .host)
        let number = try Self.open(&host)
        #expect(host.ended(number) == true)
        #expect(host.ended(number) == false)
        #expect(try host.received(.data([1]), on: number) == .deliver([1]))
        #expect(try host.received(.end, on: number) == .deliverEnd)
        #expect(host.count == 0)
        #expect(try host.received(.data([1]), on: number) == .none)
        #expect(try host.received(.reset, on: number) == .none)
    }

    @Test func nothingFollowsAnEnd() throws {
        var host = StreamTable(end: .host)
        let number = try Self.open(&host)
        #expect(try host.received(.end, on: number) == .deliverEnd)
        #expect(throws: ProtocolViolation.self) { try host.received(.data([1]), on: number) }
        #expect(throws: ProtocolViolation.self) { try host.received(.end, on: number) }
    }

    @Test(arguments: [2, 0, .max, .max - 1] as [UInt64])
    func aGuestCannotTakeNumbersThatAreNotItsOwn(number: UInt64) throws {
        var host = StreamTable(end: .host)
        #expect(throws: ProtocolViolation.self) {
            try host.received(.open(port: 1), on: StreamNumber(rawValue: number))
        }
        #expect(throws: ProtocolViolation.self) { try host.received(.end, on: StreamNumber(rawValue: number)) }
    }

    @Test func aNumberIsUsedOnce() throws {
        var host = StreamTable(end: .host)
        let number = StreamNumber(rawValue: 1)
        #expect(try host.received(.open(port: 1), on: number) == .connect(port: 1))
        #expect(host.gaveUp(number) == true)
        #expect(throws: ProtocolViolation.self) { try host.received(.open(port: 1), on: number) }
    }

    @Test func tooManyStreamsAreRefusedAndTheRestGoesOn() throws {
        var host = StreamTable(end: .host)
        for index in 0..<UInt64(GuestLink.streamsMax) {
            #expect(try host.received(.open(port: 1), on: StreamNumber(rawValue: 2 * index + 1)) == .connect(port: 1))
        }
        let number = StreamNumber(rawValue: UInt64(2 * GuestLink.streamsMax + 1))
        #expect(try host.received(.open(port: 1), on: number) == .refuse)
        #expect(host.open() == nil)
        #expect(try host.received(.data([1]), on: number) == .none)
        #expect(try host.received(.reset, on: StreamNumber(rawValue: 1)) == .deliverReset)
        #expect(host.open() != nil)
    }

    /// Two honest ends over two queues of messages, in any order: neither ever takes the other for a liar, and when all has
    /// been passed on and ended, nothing is left.
    @Test(arguments: UInt64(1)...30)
    func honestEndsNeverViolate(seed: UInt64) throws {
        var walk = Walk(seed: seed)
        for _ in 0..<3000 { try walk.step() }
        try walk.finish()
        #expect(walk.host.table.count == 0 && walk.guest.table.count == 0, "seed \(seed)")
    }

    /// One end with the bytes that it holds and the messages on their way to it.
    private struct End {
        var table: StreamTable
        var incoming: [(StreamNumber, StreamMessage)] = []
        var held: [StreamNumber: Int] = [:]
        var live: Set<StreamNumber> = []

        init(_ end: LinkEnd) {
            table = StreamTable(end: end)
        }

        mutating func takeIn() throws -> [(StreamNumber, StreamMessage)] {
            guard !incoming.isEmpty else { return [] }
            let (number, message) = incoming.removeFirst()
            switch try table.received(message, on: number) {
            case .connect: live.insert(number)
            case .refuse: return [(number, .reset)]
            case .deliver(let bytes):
                held[number, default: 0] += bytes.count
                #expect(held[number, default: 0] <= GuestLink.windowBytes)
            case .deliverReset:
                live.remove(number)
                held[number] = nil
            case .deliverEnd, .resume, .none: break
            }
            return []
        }

        mutating func passOn(_ number: StreamNumber, _ count: Int) -> [(StreamNumber, StreamMessage)] {
            let count = min(count, held[number, default: 0])
            held[number, default: 0] -= count
            return table.passedOn(count, of: number).map { [(number, .credit($0))] } ?? []
        }
    }

    private struct Walk {
        var random: SeededGenerator
        var host = End(.host)
        var guest = End(.guest)

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
        }

        mutating func step() throws {
            if Bool.random(using: &random) {
                guest.incoming += try Self.act(&host, &random)
            } else {
                host.incoming += try Self.act(&guest, &random)
            }
        }

        static func act(
            _ end: inout End,
            _ random: inout SeededGenerator
        ) throws -> [(StreamNumber, StreamMessage)] {
            guard let number = end.live.sorted().randomElement(using: &random),
                Int.random(in: 0..<20, using: &random) > 0
            else {
                guard let number = end.table.open() else { return try end.takeIn() }
                end.live.insert(number)
                return [(number, .open(port: 1))]
            }
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                return end.table.ended(number) ? [(number, .end)] : []
            case 1:
                end.live.remove(number)
                end.held[number] = nil
                return end.table.gaveUp(number) ? [(number, .reset)] : []
            case 2..<8:
                let count = min(end.table.sendable(number), Int.random(in: 1...GuestLink.chunkBytesMax, using: &random))
                guard count > 0 else { return [] }
                end.table.sent(count, on: number)
                return [(number, .data(ArraySlice(repeating: 0, count: count)))]
            case 8..<12:
                return end.passOn(number, Int.random(in: 1...GuestLink.windowBytes, using: &random))
            default:
                return try end.takeIn()
            }
        }

        mutating func finish() throws {
            for number in host.live where host.table.ended(number) { guest.incoming.append((number, .end)) }
            for number in guest.live where guest.table.ended(number) { host.incoming.append((number, .end)) }
            while !host.incoming.isEmpty || !guest.incoming.isEmpty {
                guest.incoming += try host.takeIn()
                host.incoming += try guest.takeIn()
            }
            // A stream that was opened towards an end after that end had closed its own.
            for number in host.live where host.table.ended(number) { guest.incoming.append((number, .end)) }
            for number in guest.live where guest.table.ended(number) { host.incoming.append((number, .end)) }
            while !host.incoming.isEmpty || !guest.incoming.isEmpty {
                guest.incoming += try host.takeIn()
                host.incoming += try guest.takeIn()
            }
        }
    }
}
