import HostLink
import Invocation
import LambdaAPI
package import Logging
package import NIOCore
package import Worker

/// Runs functions on the workers of a fleet: reserves an environment of the manager that the function belongs to, and brings the
/// event to the worker itself.
package final class FleetInvoker: FunctionInvoker {
    /// How long an invoke looks for an environment while managers cannot be reached or functions move between them.
    package static let patience: TimeAmount = .seconds(20)

    let directory: FleetDirectory
    let links: LinkPool
    let kept = KeptReservations()
    let logger: Logger

    /// - Parameters:
    ///   - directory: Knows where managers and workers are.
    ///   - links: Has the links to them.
    package init(directory: FleetDirectory, links: LinkPool, logger: Logger) {
        self.directory = directory
        self.links = links
        self.logger = logger
    }

    package func invoke(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResult> {
        let promise = eventLoop.makePromise(of: InvokeResult.self)
        FleetInvoke(request, streamingTo: stream, promise, by: self, on: eventLoop).begin()
        return promise.futureResult
    }
}
