/// An image could not be made, or not be found.
package struct GuestImageError: Error, CustomStringConvertible {
    /// Operation, reason, offending value; lower case, no full stop.
    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    package var description: String { message }
}
