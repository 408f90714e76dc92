/// How far the provision of a function's version has come.
package struct ProvisionStatus: Sendable, Equatable {
    /// Why environments are missing and are not being made.
    package enum Obstacle: Sendable {
        /// The function's initialisation failed.
        case initialisation
        /// The memory budget has no room for them.
        case memory
        /// The host could not make them.
        case host

        /// Whether it is no use to try again at once.
        var asksForPatience: Bool { self != .memory }
    }

    /// How many environments there are to be.
    package var target: Int
    /// How many there are, be they still being made.
    package var all: Int
    /// How many have been initialised.
    package var ready: Int
    package var obstacle: Obstacle?
}
