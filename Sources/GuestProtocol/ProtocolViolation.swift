/// The peer sent what the protocol does not allow. The link is of no use afterwards, for nothing that follows can be
/// trusted; a host destroys its guest.
package struct ProtocolViolation: Error, Hashable, CustomStringConvertible {
    /// Which rule, and the offending value; lower case, no full stop. Never holds the peer's own text.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
