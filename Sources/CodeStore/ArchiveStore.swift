/// Where the archives of packages are for good, each by its hash.
///
/// An archive that has been put is there until it is removed, whatever crashes. As the hash names the content, whoever puts
/// the same archive again, at whichever time and from whichever host, does no harm.
package protocol ArchiveStore: Sendable {
    /// Whether other processes may have their packages there, too.
    var isShared: Bool { get }

    /// Stores an archive, which from then on is as new as if it had not been there before.
    ///
    /// - Throws: `.unavailable` or `.unreachable` if it may not be there for good.
    func put(_ archive: [UInt8], as hash: CodeHash) async throws(CodeStoreError)

    /// The archive. Where what is stored may not be what arrives, it has been compared with the hash.
    ///
    /// - Throws: `.notFound` if there is none; `.unavailable` if it is damaged or cannot be read; `.unreachable` if it cannot
    ///   be had now.
    func get(_ hash: CodeHash) async throws(CodeStoreError) -> [UInt8]

    /// How long ago the archive was last put, by the clock of where it is; nil if there is none.
    func age(of hash: CodeHash) async throws(CodeStoreError) -> Duration?

    /// Removes an archive; one that is not there is removed already.
    func remove(_ hash: CodeHash) async throws(CodeStoreError)

    /// All archives, and how long ago each was last put, by the clock of where they are.
    func list() async throws(CodeStoreError) -> [CodeHash: Duration]
}
