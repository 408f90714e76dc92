import LambdaAPI
import NIOCore
import NIOHTTP1

// The Extensions API, the Telemetry API and the metadata endpoint. Source: `spec/runtime-api.md` sections 2 to 4.
extension RuntimeAPIServer {
    // MARK: Processes, told by the environment

    /// An external extension's process is about to be started. Returns false if there are too many.
    package func extensionStarting(_ name: String) -> Bool {
        extensions.starting(name)
    }

    /// An external extension could not be started.
    package func extensionLaunchFailed(_ name: String, errorType: String) {
        extensions.launchFailed(name, errorType: errorType)
    }

    /// An external extension's process has ended.
    ///
    /// - Returns: The error type of the platform: `Extension.Crash`, or what the extension had announced.
    package func extensionExited(_ name: String) -> String {
        switch extensions.exited(name) {
        case .initialisation: "Extension.InitError"
        case .exit: "Extension.ExitError"
        case nil: "Extension.Crash"
        }
    }

    /// All extensions, for telemetry and the platform's log.
    package var extensionStatuses: [ExtensionStatus] { extensions.statuses }

    /// Whether any extension has registered, internal or external.
    package var hasRegisteredExtensions: Bool { extensions.hasRegistered }

    /// The names of the external extensions, and whether each is to be told of a shutdown.
    package var shutdownSubscribers: [(name: String, isSubscribed: Bool)] { extensions.shutdownSubscribers }

    // MARK: Requests

    /// Returns the reply, or nil if it comes later.
    func answer(
        _ request: RuntimeRequest.ExtensionRequest,
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        on connection: RuntimeConnection
    ) -> RuntimeReply? {
        switch request {
        case .register:
            return register(head, body)
        case .next:
            return withIdentifier(of: head) { next(by: $0, on: connection) }
        case .initialisationError:
            return withIdentifier(of: head) { report(.initialisation, by: $0, head) }
        case .exitError:
            return withIdentifier(of: head) { report(.exit, by: $0, head) }
        }
    }

    private func register(_ head: HTTPRequestHead, _ body: ByteBuffer) -> RuntimeReply {
        guard let name = head.headers.first(name: "Lambda-Extension-Name"), !name.isEmpty else {
            return .refused("Extension.InvalidExtensionName", "Empty extension name")
        }
        let events: [String]
        do throws(ExtensionRegistration.FormatError) {
            events = try ExtensionRegistration(body).events
        } catch {
            return .refused("InvalidRequestFormat", error.message)
        }
        let identifier = RequestID.random().rawValue
        switch extensions.registrationRequested(name, events: events, identifier: identifier) {
        case .refuse(let refusal):
            return .refused(refusal.errorType, refusal.message)
        case .accept(let identifier):
            let features = head.headers[canonicalForm: "Lambda-Extension-Accept-Feature"]
            // The last external one lets the runtime be started. An internal one lives in a runtime that runs already.
            let isLastOfExternals = extensions.isExternal(name) && extensions.isEveryExternalRegistered
            // The reply comes before what the delegate does, which takes a while.
            defer { if isLastOfExternals { delegate?.extensionsRegistered() } }
            return .registered(settings, identifier: identifier, tellsAccount: features.contains("accountId"))
        }
    }

    private func next(by identifier: String, on connection: RuntimeConnection) -> RuntimeReply? {
        switch extensions.nextRequested(by: identifier, on: ObjectIdentifier(connection)) {
        case .park:
            checkReadiness()
            return nil
        case .deliver(let event):
            return currentNotice(of: event).map { .notice($0) }
        case .refuse(let refusal):
            return .refused(refusal.errorType, refusal.message)
        }
    }

    private func report(
        _ error: ExtensionsProtocol<ObjectIdentifier>.ReportedError,
        by identifier: String,
        _ head: HTTPRequestHead
    ) -> RuntimeReply {
        guard let type = head.headers.first(name: "Lambda-Extension-Function-Error-Type"), !type.isEmpty else {
            return .refused("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
        }
        switch extensions.errorReported(error, by: identifier, errorType: type) {
        case .accept: return .accepted
        case .refuse(let refusal): return .refused(refusal.errorType, refusal.message)
        }
    }

    /// Checks the identifier that every request after the registration carries.
    private func withIdentifier(of head: HTTPRequestHead, _ body: (String) -> RuntimeReply?) -> RuntimeReply? {
        guard let identifier = head.headers.first(name: "Lambda-Extension-Identifier"), !identifier.isEmpty else {
            return .refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        }
        guard RequestID(parsing: identifier) != nil else {
            return .refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        }
        return body(identifier.lowercased())
    }

    // MARK: Telemetry

    func subscribe(to api: TelemetryAPI, _ head: HTTPRequestHead, _ body: ByteBuffer) -> RuntimeReply {
        let reply = withIdentifier(of: head) { identifier in
            guard let name = extensions.name(of: identifier) else {
                return .refused("Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier")
            }
            guard !hasInitialised else {
                return .refused(
                    "\(api.rawValue).SubscriptionClosed",
                    "\(api.rawValue) API subscription is closed already"
                )
            }
            do throws(TelemetrySubscription.FormatError) {
                let subscription = try TelemetrySubscription(api: api, subscriber: name, body: body)
                delegate?.telemetrySubscribed(subscription)
                return .subscribed
            } catch {
                return .badRequest("ValidationError", error.message)
            }
        }
        return reply ?? .notFound
    }

    // MARK: Metadata

    func credentials(_ head: HTTPRequestHead) -> RuntimeReply {
        guard let credentials = settings.credentials else { return .notFound }
        guard head.headers.first(name: "Authorization") == credentials.authorizationToken else { return .unknownToken }
        return .credentials(credentials)
    }

    func metadata(_ head: HTTPRequestHead) -> RuntimeReply {
        guard head.headers.first(name: "Authorization") == "Bearer \(settings.metadataToken)" else {
            return .unauthorised
        }
        return .metadata(availabilityZoneID: settings.availabilityZoneID)
    }
}
