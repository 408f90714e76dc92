/// An error of the virtual machines' room.
package struct VirtualMachineError: Error, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case startFailed, refused, incompatible, gone, unsupported, timedOut
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// The process behind the machine could not be started.
        package static let startFailed = Code(.startFailed)
        /// It did not do what it was asked for, or the machine is not in a state for it.
        package static let refused = Code(.refused)
        /// The snapshot is of another kind of machine.
        package static let incompatible = Code(.incompatible)
        /// The machine has ended.
        package static let gone = Code(.gone)
        /// The host lacks something that the engine needs; the message says what.
        package static let unsupported = Code(.unsupported)
        /// It did not answer in time, and was ended.
        package static let timedOut = Code(.timedOut)
    }

    package let code: Code
    /// Operation, reason, offending value; lower case, no full stop.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
