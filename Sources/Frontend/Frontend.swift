package import ControlPlane
package import EventQueue
package import FleetStatus
import FunctionURL
package import Hummingbird
import HummingbirdCore
package import IdentityService
package import Invocation
package import LambdaAPI
package import Logging
package import LogsService
package import NIOCore

/// The HTTP face of the service: the Lambda API and that of CloudWatch Logs, on one address.
package struct Frontend: Sendable {
    private let controlPlane: ControlPlane
    private let invoker: any FunctionInvoker
    private let events: EventQueue
    private let fleet: any FleetOperations
    private let logs: LogsService
    private let identity: IdentityService
    private let users: UserDirectory?
    private let locality: Locality
    private let logger: Logger

    /// - Parameters:
    ///   - fleet: What operators ask of the fleet, or of the one process.
    ///   - logs: The logs of functions, of this host or of the fleet.
    ///   - users: Who may send requests, which must be signed; nil if everybody may.
    package init(
        controlPlane: ControlPlane,
        invoker: any FunctionInvoker,
        events: EventQueue,
        fleet: any FleetOperations,
        logs: LogsService,
        identity: IdentityService,
        users: UserDirectory?,
        locality: Locality,
        logger: Logger
    ) {
        self.controlPlane = controlPlane
        self.invoker = invoker
        self.events = events
        self.fleet = fleet
        self.logs = logs
        self.identity = identity
        self.users = users
        self.locality = locality
        self.logger = logger
    }

    /// How clients are let in.
    package struct Settings: Sendable {
        package var host: String
        package var port: Int
        /// How long a request may take to arrive.
        package var requestTimeout: Duration
        /// What clients speak TLS with; nil if they do not.
        package var certificates: CertificateSource?
        /// Whether only this host can reach the service.
        package var isLoopback = true
        /// How fast management operations may be called; nil for any speed.
        package var requestRates: RequestRateLimits?
        /// What the host names of functions' URLs end with.
        package var functionDomain = "localhost"

        package init(host: String, port: Int, requestTimeout: Duration, certificates: CertificateSource? = nil) {
            self.certificates = certificates
            self.host = host
            self.port = port
            self.requestTimeout = requestTimeout
        }
    }

    /// The service that listens and answers until it is shut down; requests under way are finished first.
    ///
    /// - Parameters:
    ///   - door: Is to be closed before the service is shut down, so that no client is turned away halfway.
    ///   - onServing: Called once, when connections are accepted.
    package func application(
        _ settings: Settings,
        eventLoops: any EventLoopGroup,
        door: FrontDoor = FrontDoor(),
        onServing: @escaping @Sendable (SocketAddress?) async -> Void
    ) -> some ApplicationProtocol {
        let errors = ErrorMapping(logger: logger)
        let access = AccessControl(
            authenticator: Authenticator(users: users, locality: locality),
            policies: controlPlane.policies,
            locality: locality,
            isEncrypted: settings.certificates != nil
        )
        let browsers = BrowserGuard(isNeeded: access.authenticator.isOpen, isLoopback: settings.isLoopback)
        let invokes = InvokeService(
            access: access,
            browsers: browsers,
            functions: controlPlane.functions,
            invoker: invoker,
            events: events,
            locality: locality,
            errors: errors
        )
        let functionURLs = FunctionURLService(
            access: access,
            urls: controlPlane.functionURLs,
            functions: controlPlane.functions,
            invoker: invoker,
            locality: locality,
            domain: FunctionURLDomain(region: locality.region, suffix: settings.functionDomain),
            errors: errors
        )
        // The framework's own lines are of no use to an operator who does not debug it.
        var quietLogger = logger
        quietLogger.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: APIResponder(
                controlPlane: controlPlane,
                events: events,
                fleet: fleet,
                logs: LogsRoute(service: logs, locality: locality, logger: logger),
                identity: IdentityRoute(service: identity, locality: locality, logger: logger),
                access: access,
                locality: locality,
                rates: RequestRates(limits: settings.requestRates),
                browsers: browsers,
                errors: errors
            ),
            server: Self.server(settings, invokes, functionURLs),
            configuration: .init(address: .hostname(settings.host, port: settings.port), serverName: nil),
            onServerRunning: { listener in
                door.opened(listener)
                await onServing(listener.localAddress)
            },
            eventLoopGroupProvider: .shared(eventLoops),
            logger: quietLogger
        )
    }

    private static func server(
        _ settings: Settings,
        _ invokes: InvokeService,
        _ functionURLs: FunctionURLService
    ) -> HTTPServerBuilder {
        let requestTimeout = TimeAmount(settings.requestTimeout)
        return HTTPServerBuilder { responder -> any ServerChildChannel in
            guard let certificates = settings.certificates else {
                return LambdaChannel(
                    responder: responder,
                    invokes: invokes,
                    functionURLs: functionURLs,
                    requestTimeout: requestTimeout
                )
            }
            return SecureChannel(
                certificates: certificates,
                responder: responder,
                invokes: invokes,
                functionURLs: functionURLs,
                requestTimeout: requestTimeout
            )
        }
    }
}
