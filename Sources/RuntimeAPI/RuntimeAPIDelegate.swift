package import NIOCore

/// What the runtime and the extensions of one environment have done. Called on the environment's event loop, in the order
/// of the requests.
package protocol RuntimeAPIDelegate: AnyObject {
    /// Every external extension has registered: the runtime may be started.
    func extensionsRegistered()
    /// The runtime asked for the next event: it has initialised, or is done with the event before.
    func runtimeBecameReady()
    /// The runtime and all extensions that have a part in it are done with what they did.
    func environmentBecameReady()
    /// The runtime posted the response of the current event.
    func runtimeResponded(_ response: RuntimeDocument)
    /// The runtime posted an error for the current event.
    func runtimeFailed(_ error: RuntimeDocument)
    /// The runtime posted more than a response may hold.
    func runtimeExceededResponseSize()
    /// The runtime asked for a way to respond that does not exist.
    func runtimeUsedInvalidResponseMode()
    /// The runtime posted that it cannot initialise; it is about to exit.
    func runtimeFailedToInitialise(_ error: RuntimeDocument)

    /// The runtime began to stream the response of the current event, whose caller takes it as it comes.
    func responseStreamBegan(contentType: String?)
    /// A part of the streamed response.
    ///
    /// - Returns: Whether more may come; if not, ``RuntimeAPIServer/resumeResponseStream()`` lets it.
    func responseStreamReceived(_ chunk: ByteBuffer) -> Bool
    /// The streamed response has ended, with an error where the runtime sent one after it.
    func responseStreamEnded(_ error: RuntimeDocument?)
    /// The runtime's connection closed in the middle of the streamed response.
    func responseStreamBroke()

    /// An extension wants telemetry.
    func telemetrySubscribed(_ subscription: TelemetrySubscription)
}
