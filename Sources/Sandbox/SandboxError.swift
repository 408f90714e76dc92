/// An error of the sandbox room.
package struct SandboxError: Error, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case setUpFailed, adoptionFailed, snapshotFailed, incompatible, execFailed, refused, gone, unsupported,
                engineFailed
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// A step of creating the sandbox failed; nothing of it is left.
        package static let setUpFailed = Code(.setUpFailed)
        /// A step of giving the sandbox to a function failed; nothing of it is left.
        package static let adoptionFailed = Code(.adoptionFailed)
        /// The state of the sandbox could not be kept; nothing of it is left.
        package static let snapshotFailed = Code(.snapshotFailed)
        /// What was kept of a sandbox cannot be used, or not here.
        package static let incompatible = Code(.incompatible)
        /// The program could not be executed; ``SandboxError/errno`` says why.
        package static let execFailed = Code(.execFailed)
        /// Nobody listens in the sandbox where a connection was to go.
        package static let refused = Code(.refused)
        /// The sandbox or its engine has ended already.
        package static let gone = Code(.gone)
        /// The host lacks something that the engine needs; the message says what.
        package static let unsupported = Code(.unsupported)
        /// The engine's shared parts failed, so no sandbox can be made.
        package static let engineFailed = Code(.engineFailed)
    }

    package let code: Code
    /// Operation, reason, offending value; lower case, no full stop.
    package let message: String
    /// The system's error number, 0 where there is none.
    package let errno: CInt

    package init(_ code: Code, _ message: String, errno: CInt = 0) {
        self.code = code
        self.message = message
        self.errno = errno
    }

    package var description: String { message }
}
