package import LambdaAPI
package import Sandbox

/// Which network a function's environments have.
///
/// A function that is attached to no VPC has the network that the service gives to all of them. One that is attached has
/// what its subnets have, as on Lambda, where a subnet leads to the internet if somebody has given it a way there: here,
/// if it is among those that the service was told. All others lead nowhere.
package struct NetworkPolicy: Sendable {
    /// What a function has that is attached to nothing.
    package var unattached: SandboxNetwork
    /// The subnets that lead to the internet.
    package var internetSubnetIDs: Set<String>

    package init(unattached: SandboxNetwork = .isolated, internetSubnetIDs: Set<String> = []) {
        self.unattached = unattached
        self.internetSubnetIDs = internetSubnetIDs
    }

    /// Whether any function may have a network.
    package var connectsAnything: Bool { unattached != .isolated || !internetSubnetIDs.isEmpty }

    /// An environment may come to be in any of a function's subnets, so all of them have to lead to the internet.
    package func network(of function: InvocableFunction) -> SandboxNetwork {
        if function.subnetIDs.isEmpty { return unattached }
        return internetSubnetIDs.isSuperset(of: function.subnetIDs) ? .internet : .isolated
    }
}
