/// Takes an `aws-chunked` body apart and checks the signature of each chunk.
///
/// No byte of a chunk comes out before the chunk's signature is good. Memory is bounded by the largest chunk.
package struct SignedChunkDecoder: Sendable {
    /// How long the line before a chunk may be: sixteen digits, the name, the signature and some room.
    private static let lineLengthMax = 256
    /// S3's SDKs send 64 KiB or so; more than this is nobody's.
    package static let chunkSizeMax = 16 << 20

    private enum State {
        case line
        case data(size: Int, signature: String)
        case ended
    }

    private var state = State.line
    private var chain: VerifiedSignature
    private var buffered: [UInt8] = []
    private var position = 0
    private let decodedLength: Int?
    private var decodedCount = 0

    /// Decodes the body behind a verified request; `decodedLength` is its `x-amz-decoded-content-length`.
    package init(after signature: VerifiedSignature, decodedLength: Int?) {
        chain = signature
        self.decodedLength = decodedLength
    }

    /// Takes the next bytes of the body and returns the data of the chunks that are whole by now.
    package mutating func append(_ bytes: some Sequence<UInt8>) throws(AuthenticationError) -> [UInt8] {
        buffered.append(contentsOf: bytes)
        var decoded: [UInt8] = []
        while try step(&decoded) {}
        buffered.removeFirst(position)
        position = 0
        return decoded
    }

    /// Says that there are no more bytes. Without this a body could be cut off between two chunks.
    package func finish() throws(AuthenticationError) {
        guard case .ended = state, decodedLength == nil || decodedLength == decodedCount else {
            throw Self.malformed
        }
    }

    private static let malformed = AuthenticationError.incomplete(
        "The chunked body is not well-formed, or not as long as it says."
    )

    /// Reads one line or one chunk; false when more bytes are needed for it.
    private mutating func step(_ decoded: inout [UInt8]) throws(AuthenticationError) -> Bool {
        let rest = buffered[position...]
        switch state {
        case .line:
            guard let end = rest.firstIndex(of: 0x0A) else {
                guard rest.count <= Self.lineLengthMax else { throw Self.malformed }
                return false
            }
            state = try Self.readLine(rest[..<end])
            position = end + 1
            return true
        case .data(let size, let signature):
            guard rest.count >= size + 2 else { return false }
            let data = Array(rest.prefix(size))
            guard rest[position + size] == 0x0D, rest[position + size + 1] == 0x0A else { throw Self.malformed }
            guard SigningKey.areEqual(chain.advance(over: data), signature) else { throw .signatureMismatch }
            decoded += data
            decodedCount += size
            position += size + 2
            state = size == 0 ? .ended : .line
            return true
        case .ended:
            guard rest.isEmpty else { throw Self.malformed }
            return false
        }
    }

    /// Reads `10000;chunk-signature=…` and the carriage return behind it.
    private static func readLine(_ line: ArraySlice<UInt8>) throws(AuthenticationError) -> State {
        let parts = line.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
        let name = "chunk-signature="
        guard line.count <= lineLengthMax, line.last == 0x0D, parts.count == 2,
            parts[0].first != UInt8(ascii: "+"), parts[0].first != UInt8(ascii: "-"),
            let size = Int(String(decoding: parts[0], as: UTF8.self), radix: 16), size <= chunkSizeMax,
            parts[1].starts(with: name.utf8)
        else { throw malformed }
        let signature = parts[1].dropFirst(name.utf8.count).dropLast()
        return .data(size: size, signature: String(decoding: signature, as: UTF8.self))
    }
}
