import Glibc
import Sandbox

/// A test in the place of a virtual machine: it writes and reads what it likes at a sandbox's tap device, as a hostile guest
/// or a process that such a one has taken over can.
final class PlayedMachine {
    let tap: CInt
    private let addresses: TapAddresses
    private var gateway: [UInt8] = []

    private static let own: [UInt8] = [2, 0, 0, 0, 0, 1]
    private static let everybody = [UInt8](repeating: 0xff, count: 6)

    /// Owns the descriptor.
    init(_ tap: CInt, _ addresses: TapAddresses) {
        self.tap = tap
        self.addresses = addresses
    }

    deinit {
        close(tap)
    }

    /// Asks who has the gateway's address, in the name of this address, or of its own.
    func askForGateway(as sender: UInt32? = nil) {
        let question: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 1]
        let parties = Self.own + bytes(sender ?? addresses.own) + [0, 0, 0, 0, 0, 0] + bytes(addresses.gateway)
        send(Self.everybody + Self.own + [8, 6] + question + parties)
    }

    /// Takes in frames until the gateway has said where it is. Returns whom it has told that, which is who asked.
    func awaitGateway() -> UInt32? {
        while let frame = receive() {
            guard frame.count >= 42, frame[12...13] == [8, 6], frame[20...21] == [0, 2] else { continue }
            gateway = Array(frame[22..<28])
            return frame[38..<42].reduce(0) { $0 << 8 | UInt32($1) }
        }
        return nil
    }

    /// Sends a datagram by the gateway, from this address, or its own.
    func send(_ text: String, from source: UInt32? = nil, to destination: UInt32, port: UInt16) {
        send(packet: datagram(text, port: port)[...], from: source, to: destination)
    }

    /// Sends a datagram like ``send(_:from:to:port:)``, but of it only these bytes, its head among the first.
    func sendPiece(
        _ piece: Range<Int>,
        of text: String,
        number: UInt16,
        from source: UInt32? = nil,
        to destination: UInt32,
        port: UInt16
    ) {
        let whole = datagram(text, port: port)
        let place = UInt16(piece.lowerBound / 8) | (piece.upperBound < whole.count ? 0x2000 : 0)
        send(packet: whole[piece], from: source, to: destination, number: number, place: place)
    }

    /// Without a checksum, which UDP may be.
    private func datagram(_ text: String, port: UInt16) -> [UInt8] {
        bytes(UInt16(4711)) + bytes(port) + bytes(UInt16(8 + text.utf8.count)) + [0, 0] + Array(text.utf8)
    }

    private func send(
        packet: ArraySlice<UInt8>,
        from source: UInt32?,
        to destination: UInt32,
        number: UInt16 = 0,
        place: UInt16 = 0
    ) {
        var head = [0x45, 0] + bytes(UInt16(20 + packet.count)) + bytes(number) + bytes(place) + [64, 17, 0, 0]
        head += bytes(source ?? addresses.own) + bytes(destination)
        var sum: UInt32 = 0
        for index in stride(from: 0, to: head.count, by: 2) {
            sum += UInt32(head[index]) << 8 | UInt32(head[index + 1])
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        head.replaceSubrange(10..<12, with: bytes(~UInt16(sum)))
        send(gateway + Self.own + [8, 0] + head + packet)
    }

    /// Takes in frames until a datagram was refused (ICMP: destination unreachable, prohibited). Returns where it was to go.
    func awaitRefusal() -> UInt32? {
        while let frame = receive() {
            guard frame.count >= 62, frame[12...13] == [8, 0], frame[23] == 1, frame[34...35] == [3, 13] else {
                continue
            }
            return frame[58..<62].reduce(0) { $0 << 8 | UInt32($1) }
        }
        return nil
    }

    /// What the kernel says of an attempt to write a frame.
    @discardableResult
    func send(_ frame: [UInt8]) -> CInt {
        write(tap, frame, frame.count) == frame.count ? 0 : errno
    }

    /// The next frame; `nil` if none comes.
    func receive(withinMilliseconds patience: CInt = 10_000) -> [UInt8]? {
        var ready = pollfd(fd: tap, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, patience) == 1 else { return nil }
        var frame = [UInt8](repeating: 0, count: 2000)
        let count = read(tap, &frame, frame.count)
        return count > 0 ? Array(frame.prefix(count)) : nil
    }

    private func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
