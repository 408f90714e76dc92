package import LambdaAPI
package import NIOCore

/// An execution environment as whoever assigns invokes deals with it, on this host or on another.
package protocol ManagedEnvironment: AnyObject, Sendable {
    /// The environment's name.
    var id: EnvironmentID { get }
    /// What it runs, for its whole life.
    var function: InvocableFunction { get }
    /// Where its methods must be called, and its observer is.
    var eventLoop: any EventLoop { get }

    /// Gives the environment to an invoke, whose caller is answered exactly once if this returns true.
    ///
    /// - Returns: Whether the environment was idle, as it must be.
    func run(_ invoke: Invoke) -> Bool

    /// Ends the environment, at once if it is idle, else when it has finished.
    func retire()

    /// Ends the environment at once. An invoke that it runs is told so.
    func abort()
}

/// Where environments are made.
package protocol EnvironmentHost: Sendable {
    /// Begins the life of an environment. Does not wait.
    ///
    /// - Parameters:
    ///   - eventLoop: Where the environment lives, if it lives in this process.
    ///   - observer: Hears what becomes of it.
    ///   - willStart: Called with the environment before anything is heard of it.
    /// - Returns: Whether there is one.
    func startEnvironment(
        for function: InvocableFunction,
        _ type: InitializationType,
        on eventLoop: any EventLoop,
        observer: any EnvironmentObserver,
        willStart: (any ManagedEnvironment) -> Void
    ) -> StartOutcome

    /// Invokes wait for environments of a function that are about to be idle: whoever can hasten that should.
    func environmentsWanted(for function: InvocableFunction)

    /// So much is promised to no environment.
    func memoryBecameFree(_ memory: ByteCount)
}

extension EnvironmentHost {
    /// Nothing can be hastened on the same host.
    package func environmentsWanted(for function: InvocableFunction) {}
}

/// What has come of a wish for an environment.
package enum StartOutcome: Sendable {
    /// Its life has begun.
    case started
    /// No host has room for it.
    case noRoom
    /// Whoever asked does not decide for the function any more.
    case moved
}
