/// The directory with what a host proves itself by.
struct CredentialFiles: Sendable {
    /// The content of the files.
    struct Content: Sendable {
        var certificate: String
        var key: String
        var authority: String
        /// The signed list of the revoked, if there is one.
        var revoked: String?
    }

    let certificate: String
    let key: String
    let authority: String
    let revoked: String
    /// A certificate whose key may be in place already.
    private let certificateNew: String
    private let keyNew: String

    init(directory: String) {
        certificate = "\(directory)/certificate.pem"
        key = "\(directory)/key.pem"
        authority = "\(directory)/authority.pem"
        revoked = "\(directory)/revoked"
        certificateNew = "\(certificate).new"
        keyNew = "\(key).new"
    }

    /// All that is watched for changes.
    var paths: [String] { [certificate, key, authority, revoked] }

    /// Reads the files. Throws what ``StoredFile`` does.
    func load() throws(HostIdentityError) -> Content {
        Content(
            certificate: try StoredFile.text(of: certificate),
            key: try StoredFile.key(of: key),
            authority: try StoredFile.text(of: authority),
            revoked: FileStamps(of: [revoked]) == FileStamps(of: ["\(revoked)/none"])
                ? nil : try StoredFile.text(of: revoked)
        )
    }

    /// Replaces certificate and key. The key first: whoever sees the new certificate finds its key. Both are on the
    /// disk before either is in place, so that ``finishReplacing()`` can end what a crash has cut off.
    func replace(certificate text: String, key keyText: String) throws(HostIdentityError) {
        try StoredFile.write(text, to: certificateNew, permissions: 0o644)
        try StoredFile.write(keyText, to: keyNew, permissions: 0o600)
        try StoredFile.move(keyNew, to: key)
        try StoredFile.move(certificateNew, to: certificate)
    }

    /// The certificate that belongs to the new key, if a crash came between the two.
    var certificateLeftBehind: String? {
        try? StoredFile.text(of: certificateNew)
    }

    /// Puts the new certificate in its place.
    func finishReplacing() throws(HostIdentityError) {
        try StoredFile.move(certificateNew, to: certificate)
    }

    /// Stores the list of the revoked.
    func replace(revoked text: String) throws(HostIdentityError) {
        try StoredFile.replace(revoked, with: text, permissions: 0o644)
    }
}
