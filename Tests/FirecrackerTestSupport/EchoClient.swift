import Glibc

/// The machine has no channel, or it was taken before.
package struct NoChannel: Error {}

/// A simple host's end of a channel with a guest that echoes.
package struct EchoClient: ~Copyable {
    private let socket: CInt

    package init(_ socket: CInt?) throws {
        guard let socket else { throw NoChannel() }
        self.socket = socket
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(socket)
    }

    package func say(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
    }

    /// What comes, up to the end of a line; less if the connection ends, and `nil` if nothing comes.
    package func hear() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.last != UInt8(ascii: "\n") {
            let count = read(socket, &byte, 1)
            if count < 0, errno == EAGAIN { return nil }
            guard count == 1 else { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}
