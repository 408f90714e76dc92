/// What the APIs of an environment know of its extensions when a snapshot of it is taken: what they must know of those in its
/// copies.
package struct RuntimeAPIStanding: Sendable, Codable, Equatable {
    /// An extension that has initialised, and waits for an event.
    struct Member: Sendable, Codable, Equatable {
        let name: String
        let isExternal: Bool
        let identifier: String?
        let events: [ExtensionEvent]
    }

    let extensions: [Member]

    /// There are none.
    package static let withoutExtensions = RuntimeAPIStanding(extensions: [])
}

extension RuntimeAPIServer {
    /// To be asked for when the delegate was told that everybody is ready, and nothing has been delivered since.
    package var standing: RuntimeAPIStanding { RuntimeAPIStanding(extensions: extensions.standing) }

    // MARK: Requests of what is restored

    /// The runtime has initialised, and asks to be told when it has been restored. Returns the reply, or nil if it comes later: to a
    /// copy of it.
    func restorationRequested() -> RuntimeReply? {
        guard settings.startsFromSnapshot else { return .notFound }
        switch runtime.restorationRequested() {
        case .parkAndReportReady:
            runtimeBecameReady()
            return nil
        case .answer:
            return .restored
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func restorationErrorPosted(_ document: RuntimeDocument) -> RuntimeReply {
        guard settings.startsFromSnapshot else { return .notFound }
        switch runtime.restorationErrorPosted() {
        case .accept:
            delegate?.runtimeFailedToInitialise(document)
            return .accepted
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }
}
