package import Sandbox

/// Programs that functions may be run by: the host's own, or those of an image that sandboxes start from.
package struct RuntimeUserland: Sendable {
    /// What names it to the sandbox engine; `nil` for the host's programs, which every sandbox sees that is not a machine.
    package let id: UserlandID?
    /// The runtime that it was made for, if it was made for one: that one finds it first.
    package let runtime: String?
    /// What it has.
    package let host: any RuntimeHost

    package init(id: UserlandID?, runtime: String?, host: any RuntimeHost) {
        self.id = id
        self.runtime = runtime
        self.host = host
    }

    /// The programs of this host.
    package static let ofHost = RuntimeUserland(id: nil, runtime: nil, host: LocalRuntimeHost())
}

extension RuntimeDefinition {
    /// Decides in which userland functions of this runtime can run: in the one that was made for it, or else in the first that
    /// has what it needs.
    func availability(in userlands: [RuntimeUserland], directories: [String]) -> RuntimeAvailability {
        let inOrder = userlands.filter { $0.runtime == identifier } + userlands.filter { $0.runtime != identifier }
        var reason: RuntimeAvailability?
        for userland in inOrder {
            switch availability(on: userland.host, directories: directories) {
            case .available(var installation):
                installation.userland = userland.id
                return .available(installation)
            case .unavailable(let obstacle):
                reason = reason ?? .unavailable(reason: obstacle)
            }
        }
        if let reason, userlands.contains(where: { $0.id == nil }) { return reason }
        return .unavailable(
            reason: "Runtime \(identifier) is in no image of the virtual machines here; "
                + "swiftlet image build-runtime makes images of those that Debian has."
        )
    }
}
