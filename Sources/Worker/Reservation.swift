import LambdaAPI

/// An environment on some host, set apart for one invoke: whoever holds this brings the event there itself.
package struct Reservation: Sendable, Equatable {
    /// The worker that has the environment, as it is known in the fleet.
    package let worker: String
    /// Where it is reached: `host:port`.
    package let address: String
    /// The environment.
    package let environmentID: EnvironmentID
    /// What the worker asks for.
    package let token: ReservationToken
    /// How many invokes of the same function may follow in the environment without another reservation, each with a token that the
    /// worker gives with the answer to the one before.
    package let followers: Int

    /// A reservation of an environment.
    package init(
        worker: String,
        address: String,
        environmentID: EnvironmentID,
        token: ReservationToken,
        followers: Int = 0
    ) {
        self.followers = followers
        self.worker = worker
        self.address = address
        self.environmentID = environmentID
        self.token = token
    }
}

/// Lets one invoke into one environment, once. The worker draws it when the environment becomes idle, and forgets it
/// when it is used, or when the environment passes to another manager.
package struct ReservationToken: Hashable, Sendable {
    /// The first 8 bytes, at random.
    package let high: UInt64
    /// The 8 bytes after them, at random.
    package let low: UInt64

    /// A token of these bits.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A token that nobody can guess.
    package static func random() -> ReservationToken {
        let generator = PooledRandomNumberGenerator()
        return ReservationToken(high: generator.next(), low: generator.next())
    }
}
