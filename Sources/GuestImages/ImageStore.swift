import Crypto
import Foundation

/// Images by the hash of their content, and by what they were made of.
///
///     images/<hash>      an image; never changed once it is there
///     made/<hash>        of a key: the hash of the image that was made for it
///     named/<name>       the hash of the image that was made last of this name
package struct ImageStore: Sendable {
    private let directory: String

    package init(directory: String) throws(GuestImageError) {
        self.directory = directory
        for name in ["images", "made", "named", "work"] { try makeDirectory("\(directory)/\(name)") }
    }

    /// The image that was made for this key; `nil` if none was, or if it is gone or has been altered since.
    package func image(for key: String) -> GuestImage? {
        guard let text = try? String(contentsOfFile: "\(directory)/made/\(Self.hash(Data(key.utf8)))", encoding: .utf8)
        else {
            return nil
        }
        let image = image(ofID: text)
        return text.utf8.count == 64 && isIntact(image) ? image : nil
    }

    /// Makes the image of a key, unless there is one.
    ///
    /// - Parameter make: Makes it at a path, where it may use the directory of the same name with `.d` behind it.
    package func image(
        for key: String,
        orMake make: (_ path: String) throws(GuestImageError) -> Void
    ) throws(GuestImageError) -> GuestImage {
        if let known = image(for: key) { return known }
        let path = "\(directory)/work/\(UUID().uuidString)"
        defer {
            try? FileManager.default.removeItem(atPath: path)
            try? FileManager.default.removeItem(atPath: "\(path).d")
        }
        try make(path)
        let id = try hash(ofFile: path)
        let image = GuestImage(id: id, path: "\(directory)/images/\(id)")
        do {
            try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path)
            // Both become visible whole or not at all; the image first.
            try move(path, to: image.path)
            try id.write(toFile: "\(directory)/made/\(Self.hash(Data(key.utf8)))", atomically: true, encoding: .utf8)
        } catch {
            throw GuestImageError("failed to keep an image in \(directory): \(error)")
        }
        return image
    }

    /// Has the image be found by this name from here on.
    func name(_ image: GuestImage, _ name: String) throws(GuestImageError) {
        do {
            try image.id.write(toFile: "\(directory)/named/\(name)", atomically: true, encoding: .utf8)
        } catch {
            throw GuestImageError("failed to name an image \(name) in \(directory): \(error)")
        }
    }

    /// The image of this name; `nil` if none was made. Whether it is still there is not looked at, nor its content: that takes as
    /// long as to read it all.
    func image(named name: String) -> GuestImage? {
        guard let id = try? String(contentsOfFile: "\(directory)/named/\(name)", encoding: .utf8), id.utf8.count == 64
        else { return nil }
        return image(ofID: id)
    }

    /// Whether an image is what it was when it was made.
    func isIntact(_ image: GuestImage) -> Bool { (try? hash(ofFile: image.path)) == image.id }

    /// The image of this hash, which has been kept.
    func image(ofID id: String) -> GuestImage { GuestImage(id: id, path: "\(directory)/images/\(id)") }

    private func move(_ path: String, to place: String) throws(GuestImageError) {
        guard rename(path, place) == 0 else { throw GuestImageError("failed to keep \(place): errno \(errno)") }
    }

    private func hash(ofFile path: String) throws(GuestImageError) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { throw GuestImageError("failed to open \(path)") }
        defer { try? file.close() }
        var digest = SHA256()
        while let piece = try? file.read(upToCount: 1 << 20), !piece.isEmpty { digest.update(data: piece) }
        return Self.hexadecimal(digest.finalize())
    }

    /// What names this content.
    static func hash(_ content: some DataProtocol) -> String { hexadecimal(SHA256.hash(data: content)) }

    private static func hexadecimal(_ digest: SHA256Digest) -> String {
        digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

/// An image in the store.
package struct GuestImage: Hashable, Sendable {
    /// The SHA-256 hash of its content.
    package let id: String
    package let path: String

    package init(id: String, path: String) {
        self.id = id
        self.path = path
    }
}

func makeDirectory(_ path: String) throws(GuestImageError) {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        throw GuestImageError("failed to make directory \(path): \(error)")
    }
}
