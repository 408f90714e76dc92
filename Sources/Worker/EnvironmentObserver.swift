import LambdaAPI

/// What names an execution environment on its worker; also the suffix of its log stream.
package struct EnvironmentID: Hashable, Sendable, CustomStringConvertible {
    /// 32 hexadecimal digits.
    package let rawValue: String

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// A new name that no other environment has.
    package static func random() -> EnvironmentID {
        EnvironmentID(RequestID.random().rawValue.filter { $0 != "-" })
    }

    package var description: String { rawValue }
}

/// Told what becomes of environments. Called on the environment's event loop; all of them may come late.
package protocol EnvironmentObserver: AnyObject, Sendable {
    /// The function has initialised; the environment is idle and may be given an event.
    func environmentInitialised(_ environment: any ManagedEnvironment)
    /// The caller has its answer; the environment is about to be idle.
    func environmentAnswered(_ environment: any ManagedEnvironment)
    /// What was taken for about to be idle is not.
    func environmentIsStillBusy(_ environment: any ManagedEnvironment)
    /// The environment is idle again and may be given an event.
    func environmentBecameIdle(_ environment: any ManagedEnvironment)
    /// The host could not make the environment, or lost it, or the function could not go on from its snapshot: an invoke that waits
    /// for it is to be told. A host's reason is for the operator's log only.
    func environmentFailedToInitialise(_ environment: any ManagedEnvironment, _ failure: InvokeFailure)
    /// The function could not initialise in an environment that is provisioned, and would fare no better in another. The
    /// environment ends.
    func functionFailedToInitialise(in environment: any ManagedEnvironment)
    /// The environment has ended and takes no more events.
    func environmentEnded(_ environment: any ManagedEnvironment)
    /// Nothing of the environment is left on the host.
    func environmentRemoved(_ environment: any ManagedEnvironment)
}

extension EnvironmentObserver {
    /// On one host whoever has answered is about to be idle.
    package func environmentIsStillBusy(_ environment: any ManagedEnvironment) {}
}
