import CSandbox
import Crypto
import Glibc

/// What names the content of a file, however sparse it is on the disk: of all its pages but those of zeros.
struct FileDigest: Hashable, Sendable, Codable {
    private static let pageBytes = 4096
    private static let pieceBytes = 256 * pageBytes

    private let bytes: [UInt8]

    /// - Parameter file: A descriptor of a plain file; the place up to which it was read changes.
    /// - Returns: `nil` when it cannot be read; `errno` says why.
    init?(of file: CInt) {
        var hash = SHA256()
        var status = stat()
        guard fstat(file, &status) == 0 else { return nil }
        withUnsafeBytes(of: UInt64(status.st_size).littleEndian) { hash.update(bufferPointer: $0) }
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: Self.pieceBytes + Self.pageBytes, alignment: 8)
        defer { buffer.deallocate() }
        let zeros = buffer + Self.pieceBytes
        memset(zeros, 0, Self.pageBytes)
        var end: off_t = 0
        while true {
            let start = sb_next_data(file, end)
            if start < 0 {
                guard errno == ENXIO else { return nil }
                break
            }
            end = sb_next_hole(file, start)
            guard end >= 0 else { return nil }
            // A hole may be smaller than a page of ours.
            var offset = start / off_t(Self.pageBytes) * off_t(Self.pageBytes)
            while offset < end {
                let count = pread(file, buffer, Self.pieceBytes, offset)
                guard count > 0 else { return nil }
                for page in stride(from: 0, to: count, by: Self.pageBytes) {
                    let bytes = UnsafeRawBufferPointer(start: buffer + page, count: min(Self.pageBytes, count - page))
                    if memcmp(buffer + page, zeros, bytes.count) == 0 { continue }
                    withUnsafeBytes(of: UInt64(Int(offset) + page).littleEndian) { hash.update(bufferPointer: $0) }
                    hash.update(bufferPointer: bytes)
                }
                offset += off_t(count)
            }
            end = max(end, offset)
        }
        bytes = Array(hash.finalize())
    }
}
